// Resolves a board's variables from Prometheus, in their order, as Grafana does when it opens one.

// name -> { text, value }: all where several can be chosen, else what is chosen by hand (`chosen`), else the first.
export async function resolve(list, prometheus, chosen) {
  const values = {};
  for (const variable of list) {
    if (variable.type === 'query') {
      const [, selector, label] = /^label_values\((.*), (\w+)\)$/s.exec(variable.query.query);
      const found = await prometheus.labelValues(fill(selector, values), label);
      values[variable.name] = pick(variable, found, chosen[variable.name]);
    } else {
      values[variable.name] = { text: variable.current.text, value: variable.current.value };
    }
  }
  return values;
}

function pick(variable, found, chosen) {
  if (variable.includeAll) {
    return { text: 'All', value: variable.allValue ?? `(${found.map(escape).join('|')})` };
  }
  // Grafana does not escape one value for a regular expression. Where there is nothing to choose from, it is empty,
  // which matches series without the label.
  const one = chosen ?? found[0] ?? '';
  return { text: one || 'None', value: one.replace(/[\\"]/g, '\\$&') };
}

// A regular expression within a PromQL string, where a backslash is written twice.
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\\\$&');

export function fill(text, values, builtIn = {}) {
  return text.replace(/\$\{?(\w+)(?::\w+)?\}?/g, (whole, name) => values[name]?.value ?? builtIn[name] ?? whole);
}
