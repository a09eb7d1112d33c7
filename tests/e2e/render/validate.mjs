// Checks dashboard files against the types that Grafana publishes, of each release that the boards are for: the board,
// each panel's options, and its fields' custom settings.
//   node validate.mjs FILE…
import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const MODULES = join(fileURLToPath(new URL('.', import.meta.url)), 'node_modules');
const NEWEST = '@grafana/schema';
const RELEASES = ['grafana-10', 'grafana-11', 'grafana-12', NEWEST];
const FOLDERS = {
  bargauge: 'bargauge', heatmap: 'heatmap', stat: 'stat', 'state-timeline': 'statetimeline', table: 'table',
  timeseries: 'timeseries',
};
const WITH_CUSTOM = ['heatmap', 'state-timeline', 'table', 'timeseries'];
// An annotation's query is as open as a panel's target, by whose data source it is asked; the types forget that.
const OF_DATA_SOURCE = ['expr', 'step', 'tagKeys', 'textFormat', 'titleFormat', 'useValueForTime'];
const validators = new Map();

// Generated from the types each time: which versions they are of stands in package-lock.json.
function validator(release, folder, type) {
  const key = `${release} ${folder} ${type}`;
  if (!validators.has(key)) {
    const raw = ['dist/types/raw', 'dist/esm/raw'].map((path) => join(MODULES, release, path, folder)).find(existsSync);
    const path = join(raw, readdirSync(raw).find((name) => name.endsWith('types.gen.d.ts')));
    const schema = createGenerator({ path, type, skipTypeCheck: true, expose: 'all' }).createSchema(type);
    validators.set(key, new Ajv({ strict: false, allErrors: true, allowUnionTypes: true }).compile(schema));
  }
  return validators.get(key);
}

// A release leaves alone what only newer ones know, and fills in what only older ones wanted; wrong values it shows.
const matters = (release) => (one) =>
  release === NEWEST || !['additionalProperties', 'required', 'anyOf'].includes(one.keyword);

function mistakes(release, value, folder, type, where) {
  const validate = validator(release, folder, type);
  const found = validate(value) ? [] : validate.errors.filter(matters(release));
  return found.map((one) => `${release}: ${where}${one.instancePath}: ${one.message} ${JSON.stringify(one.params)}`);
}

function ofPanel(release, panel, where) {
  if (panel.type === 'row') {
    return panel.panels.flatMap((one) => ofPanel(release, one, where));
  }
  const folder = `composable/${FOLDERS[panel.type]}/panelcfg/x`;
  const here = `${where}: ${panel.title}`;
  const custom = WITH_CUSTOM.includes(panel.type)
    ? mistakes(release, panel.fieldConfig.defaults.custom, folder, 'FieldConfig', `${here}: custom`)
    : [];
  return [...mistakes(release, panel.options, folder, 'Options', `${here}: options`), ...custom];
}

function ofBoard(release, file) {
  const board = JSON.parse(readFileSync(file, 'utf8'));
  board.annotations.list.forEach((one) => OF_DATA_SOURCE.forEach((key) => delete one[key]));
  const where = basename(file);
  return [
    ...mistakes(release, board, 'dashboard/x', 'Dashboard', where),
    ...board.panels.flatMap((panel) => ofPanel(release, panel, where)),
  ];
}

const found = RELEASES.flatMap((release) => process.argv.slice(2).flatMap((file) => ofBoard(release, file)));
for (const one of found) {
  console.error(one);
}
process.exitCode = found.length ? 1 : 0;
