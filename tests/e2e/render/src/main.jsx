// Draws one dashboard file from a Prometheus, with Grafana's own components; says of each panel whether it shows data.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import { createTheme, dateTime, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import React from 'react';
import { createRoot } from 'react-dom/client';
import { prepared } from './fields.js';
import { TYPES } from './panels.jsx';
import { Prometheus } from './prometheus.js';
import { fill, resolve } from './variables.js';

const GAP = 8;
const UNIT = 38; // Grafana's grid: 30 pixels and a gap

const asked = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: asked.get('theme') ?? 'dark' } });
const width = Number(asked.get('width') ?? 1600);
const to = Number(asked.get('to') ?? Date.now() / 1000);
const from = to - Number(asked.get('minutes') ?? 15) * 60;
const timeRange = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: 'from', to: 'to' } };
const NARROW = 769; // below, Grafana puts each panel into a line of its own
const narrow = width < NARROW;
const HEAD = narrow ? 150 : 76; // pixels; the variables take more lines in a narrow window
const column = (width - GAP) / 24;

class Caught extends React.Component {
  state = {};
  static getDerivedStateFromError(error) {
    return { error };
  }
  render() {
    return this.state.error ? <span className="broken">{String(this.state.error)}</span> : this.props.children;
  }
}

function Panel({ panel, load, marks }) {
  const [frames, setFrames] = React.useState();
  const [error, setError] = React.useState();
  React.useEffect(() => void load(panel).then(setFrames, setError), []);
  const { x, y, w, h } = panel.place;
  const state = error ? 'error' : !frames ? 'loading' : shows(frames) ? 'data' : 'nodata';
  const Body = TYPES[panel.type];
  return (
    <div
      data-panel={panel.id} data-type={panel.type} data-title={panel.title} data-state={state} data-error={error ? String(error) : ''}
      style={{ position: 'absolute', left: x * column + GAP, top: HEAD + y * UNIT }}
    >
      <PanelChrome title={panel.title} width={w * column - GAP} height={h * UNIT - GAP}>
        {(width, height) =>
          state === 'data' ? (
            <Caught><Body {...{ panel, frames, timeRange, theme, width, height, marks }} /></Caught>
          ) : (
            <div style={{ textAlign: 'center', paddingTop: height / 2 - 12 }}>
              {error ? String(error) : frames ? panel.fieldConfig.defaults.noValue : ''}
            </div>
          )
        }
      </PanelChrome>
    </div>
  );
}

const shows = (frames) => frames.some((frame) => frame.length > 0 && frame.fields.length > 0);

function Head({ board, values }) {
  const shown = board.templating.list.filter((one) => one.hide === 0);
  return (
    <div style={{ padding: '10px 8px', height: HEAD, boxSizing: 'border-box' }}>
      <div style={{ fontSize: 18, fontWeight: 500 }}>{board.title}</div>
      <div style={{ fontSize: 12, marginTop: 6, color: theme.colors.text.secondary }}>
        {shown.map(({ name, label }) => `${label}: ${values[name].text}`).join('     ')}
      </div>
    </div>
  );
}

function Heading({ row }) {
  return (
    <div style={{ position: 'absolute', left: GAP * 2, top: HEAD + row.place.y * UNIT + 4, fontSize: 16, fontWeight: 500 }}>
      ⌄ {row.title}
    </div>
  );
}

// Collapsed rows are drawn open: their panels are checked like all others.
const flat = (rows) => rows.flatMap((row) => (row.type === 'row' ? row.panels : [row]));

// In a narrow window one below the other, headings too, in reading order.
function place(rows) {
  const all = rows.flatMap((row) => (row.type === 'row' ? [row, ...row.panels] : [row]));
  const ordered = [...all].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  let y = 0;
  for (const one of ordered) {
    one.place = narrow ? { x: 0, y, w: 24, h: one.gridPos.h } : one.gridPos;
    y += one.gridPos.h;
  }
}

// The moments of each annotation, with its colour: those that its values name, or those at which it has a value.
async function marksOf(board, prometheus, values) {
  const listed = board.annotations.list.filter((one) => one.expr);
  const series = await Promise.all(listed.map((one) => prometheus.range(fill(one.expr, values), parseInt(one.step))));
  return listed.flatMap(({ useValueForTime, iconColor }, i) => {
    const moments = series[i].flatMap((one) => one.values.map(([at, value]) => (useValueForTime ? Number(value) : at * 1000)));
    return [...new Set(moments)].map((moment) => ({ moment, color: theme.visualization.getColorByName(iconColor) }));
  });
}

async function draw() {
  const board = await fetch('board.json').then((r) => r.json());
  const prometheus = new Prometheus(asked.get('prometheus'), from, to);
  const values = await resolve(board.templating.list, prometheus, JSON.parse(asked.get('vars') ?? '{}'));
  const marks = await marksOf(board, prometheus, values);
  const load = async (panel) => {
    const alone = panel.targets.length === 1;
    const found = await Promise.all(
      panel.targets.map((target) => prometheus.frames(target, fill(target.expr, values, prometheus.builtIn), alone))
    );
    return prepared(panel, found.flat(), theme);
  };
  place(board.panels);
  const panels = flat(board.panels);
  const bottom = Math.max(...panels.map(({ place }) => place.y + place.h));
  createRoot(document.getElementById('root')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ position: 'relative', width, height: HEAD + bottom * UNIT + GAP, background: theme.colors.background.canvas, color: theme.colors.text.primary, fontFamily: theme.typography.fontFamily }}>
        <Head board={board} values={values} />
        {board.panels.filter((one) => one.type === 'row').map((row) => <Heading key={row.id} row={row} />)}
        {panels.map((panel) => <Panel key={panel.id} {...{ panel, load, marks }} />)}
      </div>
    </ThemeContext.Provider>
  );
}

draw().catch((error) => {
  document.body.dataset.failed = String(error.stack ?? error);
});
