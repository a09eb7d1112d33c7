"""The network between one process and Postgres: a proxy that several faults may cut at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.proxy import Proxy
from e2e.chaos.faults import Fault, Kind


@dataclass(slots=True)
class Link:
    """A process reaches Postgres through it; the latest of the faults that last decides how."""

    proxy: Proxy
    lasting: list[Fault] = field(default_factory=list)

    def begin(self, fault: Fault) -> None:
        self.lasting.append(fault)
        self._apply()

    def end(self, fault: Fault) -> None:
        """Has no effect on a fault that has ended already."""
        if fault in self.lasting:
            self.lasting.remove(fault)
            self._apply()

    def reset(self) -> None:
        """Cut every connection; new ones are welcome."""
        self.proxy.cut()

    def _apply(self) -> None:
        if not self.lasting:
            self.proxy.restore()
            return
        fault = self.lasting[-1]
        match fault.cut or fault.kind:
            case Kind.STALL_REQUESTS:
                self.proxy.stall(answers=False)
            case Kind.STALL_ANSWERS:
                self.proxy.stall(requests=False)
            case Kind.SWALLOW:
                self.proxy.drop()
            case Kind.REFUSE | Kind.OUTAGE:
                self.proxy.refuse()
            case _:
                self.proxy.stall()
