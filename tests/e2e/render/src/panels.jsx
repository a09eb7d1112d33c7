// The types of panel, each by Grafana's own component; two of which its packages export none are drawn beside this file.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { Heatmap } from './heatmap.jsx';
import { Timeline } from './timeline.jsx';

export const TYPES = {
  bargauge: Bars, heatmap: Heatmap, stat: Stat, 'state-timeline': Timeline, table: Table, timeseries: Lines,
};

function displayed({ panel, frames, theme, sparkline }) {
  return () =>
    getFieldDisplayValues({
      fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: (text) => text,
      theme, data: frames, timeZone: 'utc', sparkline,
    });
}

function Stat(props) {
  const { panel, theme, timeRange, width, height } = props;
  const { options } = panel;
  const draw = ({ value, alignmentFactors, count, width, height }) => (
    <BigValue
      {...{ alignmentFactors, count, width, height, theme }}
      value={value.display}
      sparkline={value.sparkline && { ...value.sparkline, timeRange }}
      colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode}
      textMode={options.textMode} text={options.text} disableWideLayout={!options.wideLayout}
    />
  );
  return (
    <VizRepeater
      {...{ width, height }} getValues={displayed({ ...props, sparkline: options.graphMode !== 'none' })}
      getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={draw} source={props.frames} renderCounter={0}
      itemSpacing={3} autoGrid orientation={options.orientation}
    />
  );
}

function Bars(props) {
  const { panel, theme, width, height } = props;
  const { options } = panel;
  const draw = ({ value, alignmentFactors, orientation, width, height, count }) => (
    <BarGauge
      {...{ alignmentFactors, orientation, width, height, theme, count }}
      value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
      displayMode={options.displayMode} namePlacement={options.namePlacement} showUnfilled={options.showUnfilled}
      valueDisplayMode={options.valueMode} itemSpacing={8} lcdCellWidth={8}
    />
  );
  return (
    <VizRepeater
      {...{ width, height }} getValues={displayed(props)} getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={draw} source={props.frames} renderCounter={0} itemSpacing={8} orientation={options.orientation}
      minVizHeight={options.minVizHeight} minVizWidth={options.minVizWidth} maxVizHeight={options.maxVizHeight}
    />
  );
}

function Table({ panel, frames, timeRange, width, height }) {
  const [frame] = frames;
  return (
    <TableNG
      {...{ width, height, timeRange }} data={frame} fieldConfig={panel.fieldConfig} structureRev={1}
      noHeader={!panel.options.showHeader} cellHeight={panel.options.cellHeight} sortBy={panel.options.sortBy}
      enableVirtualization={false} noValue={panel.fieldConfig.defaults.noValue}
    />
  );
}

function Lines({ panel, frames, timeRange, theme, width, height, marks }) {
  return (
    <TimeSeries
      {...{ frames, timeRange, theme, width, height }} timeZone="utc" legend={panel.options.legend}
      options={panel.options} structureRev={1}
    >
      {(config) => {
        config.addHook('draw', (plot) => drawMarks(plot, marks));
        return null;
      }}
    </TimeSeries>
  );
}

// Annotations as Grafana draws them: a dashed line at each moment.
function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.setLineDash([5, 5]);
  for (const { moment, color } of marks) {
    ctx.strokeStyle = color;
    const x = plot.valToPos(moment, 'x', true);
    if (x >= bbox.left && x <= bbox.left + bbox.width) {
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
  }
  ctx.restore();
}
