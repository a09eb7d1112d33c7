// A heatmap of buckets. Grafana's own is part of its app, not of its packages: this one only shows what its panel would.
import { formattedValueToString, getValueFormat } from '@grafana/data';
import { AXIS_HEIGHT, TimeAxis } from './axis.jsx';

const NAMES = 64;
const SCALE = 26;
const TOP = 10; // room for half of the topmost name

export function Heatmap({ frames, panel, timeRange, theme, width, height }) {
  const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const rows = buckets(frames);
  const most = Math.max(...rows.flatMap((row) => [...row.counts.values()]));
  const bottom = height - AXIS_HEIGHT - SCALE;
  const rowHeight = (bottom - TOP) / rows.length;
  const step = frames[0].fields[0].config.interval;
  const cell = ((width - NAMES) * step) / (to - from);
  const format = (bound) => (Number.isFinite(bound) ? formattedValueToString(getValueFormat(panel.options.yAxis.unit)(bound)) : '+Inf');
  const every = Math.ceil(14 / rowHeight);
  return (
    <svg width={width} height={height} fontFamily={theme.typography.fontFamily}>
      {rows.map(({ bound, counts }, i) => {
        const y = bottom - (i + 1) * rowHeight;
        return (
          <g key={bound}>
            {i % every === 0 && (
              <text x={NAMES - 6} y={y + 5} textAnchor="end" fontSize={12} fill={theme.colors.text.primary}>{format(bound)}</text>
            )}
            {[...counts].map(([at, count]) => (
              <rect key={at} x={NAMES + ((at - from) / (to - from)) * (width - NAMES)} y={y} width={Math.max(cell, 1)} height={rowHeight - 1} fill={shade(count / most, panel.options.color.exponent)} />
            ))}
          </g>
        );
      })}
      <TimeAxis timeRange={timeRange} left={NAMES} width={width - NAMES} top={bottom} theme={theme} />
      <Scale most={most} exponent={panel.options.color.exponent} y={height - 12} theme={theme} />
    </svg>
  );
}

function Scale({ most, exponent, y, theme }) {
  const parts = Array.from({ length: 20 }, (_, i) => (i + 1) / 20);
  return (
    <g fontSize={12} fill={theme.colors.text.primary}>
      {parts.map((part, i) => <rect key={part} x={NAMES + i * 8} y={y - 8} width={8} height={8} fill={shade(part, exponent)} />)}
      <text x={NAMES - 6} y={y} textAnchor="end">0</text>
      <text x={NAMES + 168} y={y}>{most < 10 ? Math.round(most * 10) / 10 : Math.round(most)}</text>
    </g>
  );
}

// Prometheus' buckets hold all that is smaller as well; each row is what lies between its bound and the one below.
function buckets(frames) {
  const sorted = frames
    .map((frame) => ({ frame, bound: frame.fields[1].labels.le === '+Inf' ? Infinity : Number(frame.fields[1].labels.le) }))
    .sort((one, other) => one.bound - other.bound);
  let below = new Map();
  const rows = sorted.map(({ frame, bound }) => {
    const [time, value] = frame.fields;
    const all = new Map(time.values.map((at, i) => [at, value.values[i] ?? 0]));
    const counts = new Map([...all].map(([at, count]) => [at, count - (below.get(at) ?? 0)]).filter(([, n]) => n > 1e-9));
    below = all;
    return { bound, counts };
  });
  const used = rows.map((row) => row.counts.size > 0);
  return rows.slice(Math.max(0, used.indexOf(true) - 1), used.lastIndexOf(true) + 1);
}

const DARK = [74, 35, 8];
const BRIGHT = [255, 237, 213];

function shade(share, exponent) {
  const at = Math.max(0, Math.min(1, share)) ** exponent;
  return `rgb(${DARK.map((dark, i) => Math.round(dark + (BRIGHT[i] - dark) * at)).join(',')})`;
}
