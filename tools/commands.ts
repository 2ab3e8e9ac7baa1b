// Declares every command of package.json: `npm run help` lists them, and each checks its arguments by its declaration.
import { DEFAULT_TTL_SECONDS } from '#platform/auth/issuer.ts'
import { ROLES } from '#platform/auth/viewer.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { SEED_CUSTOMERS } from '#start/seed-data.ts'
import { type Command, defineCommand, invocationOf } from '#tools/command-line.ts'

const SERVICES = SUBGRAPHS.join(', ')
const INSTANCE_VARIABLES =
  'DATA_DIR and PORT_BASE name the instance: .data in this folder and 4000 when they are not set. With PORT_BASE alone, the\ncopy that runs there is looked for in the folders .data* of this one.'

const check = { type: 'boolean', description: 'writes nothing, and fails when a file is stale' } as const
const testOptions = {
  'test-name-pattern': {
    type: 'string',
    short: 't',
    value: 'PATTERN',
    description: 'only the tests whose name matches this regular expression',
  },
  update: { type: 'boolean', short: 'u', description: 'overwrites the snapshots that no longer match' },
} as const
const testFiles = { usage: '[PART…]', description: 'only the test files whose path contains PART' }

export const start = defineCommand({
  name: 'start',
  purpose: 'Runs the whole platform on this machine with stores of its own, until Ctrl-C.',
  options: {},
  details: `PORT_BASE is where its ports begin (4000), DATA_DIR is where its data lies (.data), and HOST is where it listens
(127.0.0.1). docs/reference/configuration.md has all variables.`,
  examples: ['npm start', 'PORT_BASE=5000 DATA_DIR=.data-2 npm start'],
})

export const help = defineCommand({
  name: 'help',
  purpose: 'Lists the commands of this project.',
  options: {},
  examples: ['npm run help'],
})

export const token = defineCommand({
  name: 'token',
  purpose: 'Prints an access token of the development issuer of an instance that npm start has run.',
  options: {
    role: { type: 'string', value: 'ROLE', description: `one of ${ROLES.join(', ')}` },
    subject: {
      type: 'string',
      value: 'SUBJECT',
      description: 'whom the token is for: the id of a customer (cus_…), or a name for any other role',
    },
    ttl: {
      type: 'string',
      value: 'TIME',
      description: 'how long it holds, 1s to 7d: a number with s, m, h or d',
      default: `${DEFAULT_TTL_SECONDS / 3600}h`,
    },
  },
  details: INSTANCE_VARIABLES,
  examples: [
    `npm run --silent token -- --role customer --subject ${SEED_CUSTOMERS[0].id}`,
    'npm run --silent token -- --role ops --subject olga --ttl 90m',
  ],
})

export const reset = defineCommand({
  name: 'reset',
  purpose: 'Deletes the data of an instance that is not running; the next start makes a fresh one.',
  destroys: true,
  options: {},
  details: INSTANCE_VARIABLES,
  examples: ['npm run reset', 'DATA_DIR=.data-2 npm run reset -- --yes'],
})

export const importOrders = defineCommand({
  name: 'import',
  purpose:
    'Loads the products of a shop’s CSV files with stock, replays its orders, and checks money and stock.',
  operands: { usage: 'FOLDER', description: 'holds the files that the mapping names', most: 1 },
  options: {
    mapping: {
      type: 'string',
      value: 'MAPPING',
      description: 'a JSON file, or one that is shipped: olist or northwind',
      default: 'olist',
    },
    encoding: {
      type: 'string',
      value: 'NAME',
      description: 'of the files, such as latin1; the mapping’s, or utf-8, when left out',
    },
    currency: { type: 'string', value: 'CODE', description: 'instead of the one in the mapping' },
    'dry-run': { type: 'boolean', description: 'reads, maps and checks the files, and changes nothing' },
    limit: { type: 'string', value: 'N', description: 'only the first N orders' },
    'at-once': {
      type: 'string',
      value: 'N',
      description: 'orders under way at the same time, 1 to 256',
      default: '16',
    },
    patience: {
      type: 'string',
      value: 'SECONDS',
      description: 'how long to wait for an answer before giving up',
      default: '120',
    },
    report: { type: 'string', value: 'FILE', description: 'writes the report to this file as well' },
    url: { type: 'string', value: 'URL', description: 'the web BFF; the one of the instance when left out' },
  },
  details: `Exit code: 0 all is imported and reconciles; 1 orders differ from the files; 2 nothing was imported;
3 it reconciles, but rows were left out, each named; 4 not finished, as there was no answer: run it again.
Running it again is safe: what is there already is recognised by its key, and nothing is placed twice.
It signs in as ops: with WAYBILL_TOKEN if that is set, else with the development issuer of the instance.\n${INSTANCE_VARIABLES}`,
  examples: [
    'npm run import -- test/tools/import/northwind --mapping northwind --dry-run',
    'npm run import -- test/tools/import/northwind --mapping northwind',
  ],
})

export const reconcile = defineCommand({
  name: 'reconcile',
  purpose: 'Compares orders, payments, stock and parcels across the services, and names every difference.',
  options: {
    json: { type: 'boolean', description: 'prints one JSON object: counts, and the differences' },
    metrics: {
      type: 'string',
      value: 'FILE',
      description: 'writes the result for the textfile collector of Prometheus’ node_exporter as well',
    },
    settle: {
      type: 'string',
      value: 'SECONDS',
      description: 'how long to wait before what differs is looked at again',
      default: '10',
    },
  },
  details: `Exit code: 0 the services agree; 1 they differ; 2 they could not be compared. It changes nothing, and the services may
go on running: an order in motion is looked at again before it is reported.
It reads the databases of the instance, or those that ORDERS_DATABASE_URL, INVENTORY_DATABASE_URL, PAYMENT_DATABASE_URL and
SHIPPING_DATABASE_URL name; ORDERS_READ_MODELS_URL and so on say where views are kept elsewhere.\n${INSTANCE_VARIABLES}`,
  examples: ['npm run reconcile', 'npm run reconcile -- --json'],
})

export const rebuild = defineCommand({
  name: 'rebuild',
  purpose: 'Rebuilds views of a service from its event log, next to the live ones, and replaces those.',
  operands: {
    usage: 'SERVICE [VIEW…]',
    description: `SERVICE is one of ${SERVICES}; all of its views are rebuilt when none is named`,
  },
  options: {},
  details: `The service may go on running: readers see the old view until the new one takes its place. DATABASE_URL and
READ_MODELS_URL say where the service keeps its data; without DATABASE_URL it is the instance on this machine.\n${INSTANCE_VARIABLES}`,
  examples: ['npm run rebuild -- orders orders customers'],
})

export const deadLetters = defineCommand({
  name: 'dead-letters',
  purpose: 'Lists the dead letters of consumers, and hands them to their consumers again.',
  operands: {
    usage: 'list [CONSUMER] | replay CONSUMER [POSITION…]',
    description:
      'list prints parked events, oldest first: why each failed, or what it waits for;\nreplay tries the streams of these events again, or of all',
  },
  options: {
    service: { type: 'string', value: 'NAME', description: `a service of the instance: ${SERVICES}` },
    database: {
      type: 'string',
      value: 'URL',
      description: 'the database of one service, instead of --service',
    },
  },
  details: `DATABASE_URL names the database when neither option does.\n${INSTANCE_VARIABLES}`,
  examples: [
    'npm run dead-letters -- --service orders list',
    'npm run dead-letters -- --service orders replay views',
  ],
})

export const gateway = defineCommand({
  name: 'gateway',
  purpose: 'Serves a Federation 2 supergraph, until Ctrl-C.',
  options: {},
  details: `SUPERGRAPH is its file or URL (schema/supergraph.graphql), PORT is where it listens (4020), and GATEWAY_SETTINGS is a
file of settings. docs/reference/gateway.md has all of them.`,
  examples: ['SUPERGRAPH=supergraph.graphql PORT=4020 npm run gateway'],
})

export const installTemporal = defineCommand({
  name: 'install:temporal',
  purpose: 'Installs the packages of Temporal (250 MB), which WORKFLOW_URL needs.',
  options: {},
  examples: ['npm run install:temporal'],
})

export const test = defineCommand({
  name: 'test',
  purpose: 'Checks types, style and generated files, and runs the tests.',
  operands: testFiles,
  options: testOptions,
  examples: ['npm test', 'npm test -- test/gateway'],
})

export const testEngines = defineCommand({
  name: 'test:engines',
  purpose:
    'Installs Kafka, MongoDB, Redis, Temporal and Consul where it can, and runs the tests that need them.',
  operands: testFiles,
  options: testOptions,
  examples: ['npm run test:engines -- test/platform/read-models'],
})

export const testKill = defineCommand({
  name: 'test:kill',
  purpose: 'Kills a running instance at random moments many times, and checks that nothing was lost.',
  options: testOptions,
  details: 'KILLS is how often (20).',
  examples: ['npm run test:kill'],
})

export const testResume = defineCommand({
  name: 'test:resume',
  purpose: 'Cuts the connections of subscribers at random while orders change, for two minutes.',
  options: testOptions,
  details: 'RESUME_SECONDS is for how long (120).',
  examples: ['npm run test:resume'],
})

export const testOutbox = defineCommand({
  name: 'test:outbox',
  purpose:
    'Kills tabs of a front end that orders over a bad network, and checks that each order is placed once.',
  options: testOptions,
  details: 'OUTBOX_KILLS is how often (100).',
  examples: ['npm run test:outbox'],
})

export const testOverload = defineCommand({
  name: 'test:overload',
  purpose: 'Offers an instance three times what it can serve for a minute, and compares with its peak.',
  options: testOptions,
  details: 'OVERLOAD_SECONDS is for how long (60).',
  examples: ['npm run test:overload'],
})

export const testFleet = defineCommand({
  name: 'test:fleet',
  purpose: 'Kills each process and each engine of a fleet in turn, and prints how long it took to recover.',
  options: testOptions,
  examples: ['npm run test:fleet'],
})

export const fuzzGateway = defineCommand({
  name: 'fuzz:gateway',
  purpose: 'Compares answers of the gateway to random operations with those of the specification.',
  options: testOptions,
  details: 'FUZZ_RUNS is how many operations (5000).',
  examples: ['FUZZ_RUNS=20000 npm run fuzz:gateway'],
})

export const lint = defineCommand({
  name: 'lint',
  purpose: 'Checks the style of the code and finds common mistakes.',
  operands: { usage: '[PATH…]', description: 'only these files and folders' },
  options: { write: { type: 'boolean', description: 'fixes what can be fixed automatically' } },
  examples: ['npm run lint', 'npm run lint -- --write platform'],
})

export const typecheck = defineCommand({
  name: 'typecheck',
  purpose: 'Checks the types of the code.',
  options: {},
  examples: ['npm run typecheck'],
})

export const codegen = defineCommand({
  name: 'codegen',
  purpose: 'Writes schema/generated/: TypeScript types of every SDL and of the operations of the BFFs.',
  options: { check },
  examples: ['npm run codegen', 'npm run codegen -- --check'],
})

export const compose = defineCommand({
  name: 'compose',
  purpose: 'Composes schema/supergraph.graphql from the SDL of the four subgraphs.',
  options: { check },
  examples: ['npm run compose', 'npm run compose -- --check'],
})

export const persist = defineCommand({
  name: 'persist',
  purpose: 'Writes schema/persisted/, the operations that front ends may run, from their operation files.',
  options: { check },
  examples: ['npm run persist', 'npm run persist -- --check'],
})

export const schemaCheck = defineCommand({
  name: 'schema-check',
  purpose:
    'Names the changes of the schemas that would break clients, and persisted operations that are gone.',
  options: {
    against: {
      type: 'string',
      value: 'REF',
      description:
        'the commit to compare with; when left out, where this branch left the main branch,\nelse the last tag, else the last commit',
    },
  },
  examples: ['npm run schema-check', 'npm run schema-check -- --against v0.1.0'],
})

export const openapi = defineCommand({
  name: 'openapi',
  purpose: 'Writes schema/bff-web.openapi.json, the description of the REST routes.',
  options: { check },
  examples: ['npm run openapi', 'npm run openapi -- --check'],
})

export const bench = defineCommand({
  name: 'bench',
  purpose: 'Runs benchmarks, each against a peer and a limit, and writes their results to bench/results/.',
  operands: {
    usage: '[NAME…]',
    description:
      'event-store, checkout, growth, engines, bff, live or gateway; all of them when none is named',
  },
  options: { quick: { type: 'boolean', description: 'shorter runs, for a first look' } },
  examples: ['npm run bench -- checkout --quick'],
})

/** All commands, in the order of `npm run help`. */
export const COMMANDS: readonly Command[] = [
  start,
  help,
  token,
  reset,
  importOrders,
  reconcile,
  rebuild,
  deadLetters,
  gateway,
  installTemporal,
  test,
  testEngines,
  testKill,
  testResume,
  testOutbox,
  testOverload,
  testFleet,
  fuzzGateway,
  lint,
  typecheck,
  codegen,
  compose,
  persist,
  schemaCheck,
  openapi,
  bench,
]

/** Returns one line per command, as `npm run help` prints them. */
export function commandList(): string {
  const calls = COMMANDS.map(command => invocationOf(command).replace(/ --$/, ''))
  const width = Math.max(...calls.map(call => call.length)) + 2
  const lines = COMMANDS.map(({ purpose }, index) => `  ${(calls[index] ?? '').padEnd(width)}${purpose}`)
  return [...lines, '', 'Each says more with -- --help, for example npm run token -- --help.'].join('\n')
}
