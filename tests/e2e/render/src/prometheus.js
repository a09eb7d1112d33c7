// Asks Prometheus as Grafana's data source does, and lays the answers out in its data frames.
import { FieldType, toDataFrame } from '@grafana/data';

const SCRAPE_SECONDS = 5; // of the fleets that are drawn; the data source's "scrape interval" in Grafana
const MOST_POINTS = 500;

export class Prometheus {
  // `from` and `to` in seconds.
  constructor(url, from, to) {
    Object.assign(this, { url, from, to });
    this.step = Math.max(SCRAPE_SECONDS, Math.ceil((to - from) / MOST_POINTS));
    this.builtIn = {
      __interval: `${this.step}s`,
      __rate_interval: `${Math.max(this.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s`,
      __range: `${Math.round(to - from)}s`,
    };
  }

  async get(path, parameters) {
    const body = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`).then((r) => r.json());
    if (body.status !== 'success') {
      throw new Error(body.error);
    }
    return body.data;
  }

  range(expr, step = this.step) {
    const start = Math.floor(this.from / step) * step;
    return this.get('query_range', { query: expr, start, end: this.to, step }).then((d) => d.result);
  }

  now(expr) {
    return this.get('query', { query: expr, time: this.to }).then((d) => d.result);
  }

  labelValues(selector, label) {
    return this.get(`label/${label}/values`, { 'match[]': selector, start: this.from, end: this.to });
  }

  // Frames of one target of a panel; several letters in a panel name a table's value columns apart.
  async frames(target, expr, alone) {
    if (target.format === 'table') {
      return tableFrames(await this.now(expr), alone ? 'Value' : `Value #${target.refId}`, target.refId);
    }
    const series = target.instant
      ? (await this.now(expr)).map((one) => ({ ...one, values: [one.value] }))
      : await this.range(expr);
    return series.map((one) => lineFrame(one, target, this.step));
  }
}

function lineFrame({ metric, values }, target, step) {
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: values.map(([t]) => t * 1000), config: { interval: step * 1000 } },
      {
        name: 'Value',
        type: FieldType.number,
        labels: metric,
        values: values.map(([, value]) => number(value)),
        config: { displayNameFromDS: legend(target.legendFormat, metric) },
      },
    ],
  });
}

function legend(format, metric) {
  if (format && format !== '__auto') {
    return format.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, label) => metric[label] ?? '').trim();
  }
  return JSON.stringify(metric);
}

function tableFrames(rows, valueName, refId) {
  if (!rows.length) {
    return [];
  }
  const labels = [...new Set(rows.flatMap((row) => Object.keys(row.metric)))].sort();
  return [
    toDataFrame({
      refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: rows.map((row) => row.value[0] * 1000), config: {} },
        ...labels.map((name) => ({
          name, type: FieldType.string, values: rows.map((row) => row.metric[name] ?? ''), config: {},
        })),
        { name: valueName, type: FieldType.number, values: rows.map((row) => number(row.value[1])), config: {} },
      ],
    }),
  ];
}

function number(text) {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : text === 'NaN' ? null : Number(text);
}
