// The time axis of the panels that are drawn here.
import { dateTimeFormat } from '@grafana/data';

const LABEL_WIDTH = 90;

export const AXIS_HEIGHT = 22;

export function TimeAxis({ timeRange, left, width, top, theme }) {
  const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const count = Math.max(2, Math.floor(width / LABEL_WIDTH));
  const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 360].find((m) => (to - from) / 60000 / m <= count) ?? 1440;
  const ticks = [];
  for (let at = Math.ceil(from / 60000 / minutes) * minutes * 60000; at <= to; at += minutes * 60000) {
    ticks.push(at);
  }
  return ticks.map((at) => (
    <text
      key={at} x={left + ((at - from) / (to - from)) * width} y={top + 15} textAnchor="middle" fontSize={12}
      fill={theme.colors.text.primary}
    >
      {dateTimeFormat(at, { format: 'HH:mm', timeZone: 'utc' })}
    </text>
  ));
}
