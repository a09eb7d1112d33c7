// Grafana's own field overrides and transformations, with a registry of those properties that the boards use.
import {
  applyFieldOverrides, cacheFieldDisplayNames, Registry, standardTransformers, standardTransformersRegistry, transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

const OWN = ['unit', 'min', 'max', 'decimals', 'mappings', 'links', 'thresholds', 'color', 'noValue', 'displayName'];
const CUSTOM = [
  'align', 'axisPlacement', 'axisSoftMax', 'cellOptions', 'drawStyle', 'fillOpacity', 'gradientMode', 'hideFrom',
  'inspect', 'lineInterpolation', 'lineStyle', 'lineWidth', 'minWidth', 'scaleDistribution', 'showPoints', 'spanNulls', 'stacking',
  'thresholdsStyle', 'width',
];

const property = (id, path, isCustom) => ({
  id, path, isCustom, name: id, process: (value) => value, shouldApply: () => true, settings: {},
});

const registry = new Registry(() => [
  ...OWN.map((name) => property(name, name, false)),
  ...CUSTOM.map((name) => property(`custom.${name}`, name, true)),
]);

standardTransformersRegistry.setInit(() =>
  ['mergeTransformer', 'organizeFieldsTransformer'].map((name) => {
    const transformation = standardTransformers[name];
    return { id: transformation.id, name: transformation.name, transformation: async () => transformation };
  })
);

export async function prepared(panel, frames, theme) {
  unknownProperties(panel);
  const changed = panel.transformations?.length
    ? await lastValueFrom(transformDataFrame(panel.transformations, frames))
    : frames;
  const shown = applyFieldOverrides({
    data: changed,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registry,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
  cacheFieldDisplayNames(shown);
  return shown;
}

// An override that this tool would drop in silence would make the picture lie.
function unknownProperties({ fieldConfig, title }) {
  const ids = fieldConfig.overrides.flatMap((one) => one.properties.map((p) => p.id));
  ids.push(...Object.keys(fieldConfig.defaults.custom ?? {}).map((name) => `custom.${name}`));
  ids.push(...Object.keys(fieldConfig.defaults).filter((name) => name !== 'custom'));
  const unknown = ids.filter((id) => !registry.getIfExists(id));
  if (unknown.length) {
    throw new Error(`${title}: src/fields.js does not know ${unknown.join(', ')}`);
  }
}
