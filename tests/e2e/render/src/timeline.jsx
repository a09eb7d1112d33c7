// A state timeline. Grafana's own is part of its app, not of its packages: this one only shows what its panel would.
import { AXIS_HEIGHT, TimeAxis } from './axis.jsx';

const NAMES = 110;
const LEGEND = 24;

export function Timeline({ frames, panel, timeRange, theme, width, height }) {
  const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const x = (at) => NAMES + ((at - from) / (to - from)) * (width - NAMES);
  const rowHeight = (height - AXIS_HEIGHT - LEGEND) / frames.length;
  const bar = rowHeight * panel.options.rowHeight;
  return (
    <svg width={width} height={height} fontFamily={theme.typography.fontFamily}>
      {frames.map((frame, row) => (
        <g key={row}>
          <text x={NAMES - 8} y={row * rowHeight + rowHeight / 2 + 4} textAnchor="end" fontSize={12} fill={theme.colors.text.primary}>
            {frame.fields[1].config.displayNameFromDS}
          </text>
          {stretches(frame).map(({ start, end, value }) => {
            const { text, color } = frame.fields[1].display(value);
            const space = x(end) - x(start);
            return (
              <g key={start}>
                <rect x={x(start)} y={row * rowHeight + (rowHeight - bar) / 2} width={space} height={bar} fill={color} opacity={panel.fieldConfig.defaults.custom.fillOpacity / 100} />
                {space > text.length * 7 + 8 && bar > 12 && (
                  <text x={x(start) + 5} y={row * rowHeight + rowHeight / 2 + 4} fontSize={12} fill={theme.colors.getContrastText(color)}>
                    {text}
                  </text>
                )}
              </g>
            );
          })}
        </g>
      ))}
      <TimeAxis timeRange={timeRange} left={NAMES} width={width - NAMES} top={height - AXIS_HEIGHT - LEGEND} theme={theme} />
      <Legend panel={panel} y={height - 8} theme={theme} />
    </svg>
  );
}

function Legend({ panel, y, theme }) {
  const words = Object.values(panel.fieldConfig.defaults.mappings[0].options);
  let x = NAMES;
  return words.map(({ text, color }) => {
    const at = x;
    x += text.length * 7 + 34;
    return (
      <g key={text}>
        <rect x={at} y={y - 6} width={14} height={4} rx={2} fill={theme.visualization.getColorByName(color)} />
        <text x={at + 20} y={y} fontSize={12} fill={theme.colors.text.primary}>{text}</text>
      </g>
    );
  });
}

// Neighbouring samples of one value, merged; a gap of more than two steps ends a stretch.
function stretches(frame) {
  const [time, value] = frame.fields;
  const step = time.config.interval;
  const found = [];
  time.values.forEach((at, i) => {
    const last = found.at(-1);
    if (last && last.value === value.values[i] && at - last.end <= 2 * step) {
      last.end = at;
    } else {
      if (last && at - last.end <= 2 * step) {
        last.end = at;
      }
      found.push({ start: at, end: at + step, value: value.values[i] });
    }
  });
  return found;
}
