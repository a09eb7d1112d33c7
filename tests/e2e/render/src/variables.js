// Resolves a board's variables from Prometheus, in their order, as Grafana does when it opens one.

// name -> { text, regex }: all where several can be chosen, else what is chosen by hand (`chosen`), else the first.
export async function resolve(list, prometheus, chosen) {
  const values = {};
  for (const variable of list) {
    if (variable.type === 'query') {
      const [, selector, label] = /^label_values\((.*), (\w+)\)$/s.exec(variable.query.query);
      const found = await prometheus.labelValues(fill(selector, values), label);
      values[variable.name] = pick(variable, found, chosen[variable.name]);
    } else {
      values[variable.name] = { text: variable.current.text, regex: variable.current.value };
    }
  }
  return values;
}

function pick(variable, found, chosen) {
  if (variable.includeAll) {
    return { text: 'All', regex: variable.allValue ?? `(${found.map(escape).join('|')})` };
  }
  // Nothing to choose from: Grafana then puts in the empty value, which matches series without the label.
  const one = chosen ?? found[0] ?? '';
  return { text: one || 'None', regex: one.replace(/[\\"]/g, '\\$&') };
}

// A regular expression within a PromQL string, where a backslash is written twice.
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\\\$&');

export function fill(text, values, builtIn = {}) {
  return text.replace(/\$\{?(\w+)(?::\w+)?\}?/g, (whole, name) => values[name]?.regex ?? builtIn[name] ?? whole);
}
