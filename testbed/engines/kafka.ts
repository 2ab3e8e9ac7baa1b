// Starts Kafka brokers for tests and benchmarks in KRaft mode, on Java 17 or newer, from the server's jars.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { Base } from '@platformatic/kafka'
import { freePort } from '#start/postgres-server.ts'
import {
  ENGINES_FOLDER,
  type Engine,
  engineAt,
  type Faults,
  findOnPath,
  installOnce,
  outputOf,
  type RunningEngine,
} from '#testbed/engines/engine.ts'
import { createServerProcess } from '#testbed/engines/server-process.ts'

const VERSION = '4.3.1'
const OBTAINED = path.join(ENGINES_FOLDER, `kafka-${VERSION}`)
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>waybill</groupId><artifactId>kafka-server</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version>
  </dependency></dependencies>
</project>
`

/** Returns the folder of the server's jars; undefined when there is none, or when KAFKA_URL names a Kafka. */
export function kafkaJars(): string | undefined {
  if (process.env.KAFKA_URL) return undefined
  return jarsOnPath() ?? (existsSync(OBTAINED) ? OBTAINED : undefined)
}

export const kafka: Engine = {
  name: 'Kafka',
  find() {
    const given = engineAt('KAFKA_URL', 'Kafka')
    if (given) return given
    const [jars, from] = [jarsOnPath(), 'PATH']
    if (jars) return { version: versionOf(jars), from, start: () => startKafka({ jars }) }
    if (!existsSync(OBTAINED) || !javaRuns()) return undefined
    const source = 'the server jars of Maven Central'
    return { version: versionOf(OBTAINED), from: source, start: () => startKafka({ jars: OBTAINED }) }
  },
  async install() {
    if (!javaRuns()) throw new Error('there is no Java 17 or newer on PATH to run Kafka')
    await installOnce(OBTAINED, async folder => {
      await writeFile(path.join(folder, 'pom.xml'), POM)
      await copyJars(folder)
      return path.join(folder, 'lib')
    })
  },
}

async function copyJars(folder: string): Promise<void> {
  const args = ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=lib']
  try {
    await promisify(execFile)('mvn', args, { cwd: folder, timeout: 300_000 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
    throw new Error(`Maven could not get Kafka's server: ${reason}`, { cause })
  }
}

function javaRuns(): boolean {
  return Number(/\d+/.exec(outputOf('java', '--version') ?? '')?.[0] ?? 0) >= 17
}

/** Returns the folder of jars that belongs to the `kafka-server-start.sh` on PATH. */
function jarsOnPath(): string | undefined {
  const script = findOnPath('kafka-server-start.sh')
  const jars = script && path.join(script, '..', '..', 'libs')
  return jars && existsSync(jars) ? jars : undefined
}

function versionOf(jars: string): string {
  const version = readdirSync(jars)
    .map(name => /^kafka_2\.\d+-([\d.]+)\.jar$/.exec(name)?.[1])
    .find(Boolean)
  return `Kafka ${version ?? 'of an unknown version'}`
}

type KafkaSetup = {
  readonly jars: string
  /** The number of brokers, 1 by default. Each is a controller too, so that one of three may fail. */
  readonly brokers?: number
  /** Credentials that clients must present (SASL PLAIN); none are required when left out. */
  readonly user?: { readonly name: string; readonly password: string }
}

/** `faults` affect all brokers at once. */
type RunningKafka = RunningEngine & { readonly brokers: readonly Faults[]; readonly faults: Faults }

/** Starts the brokers on loopback with little memory. Disposing removes their data. */
export async function startKafka({ jars, brokers: count = 1, user }: KafkaSetup): Promise<RunningKafka> {
  await using open = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-kafka-'))
  open.defer(() => rm(folder, { recursive: true, force: true }))
  const places: Place[] = []
  for (let id = 1; id <= count; id++)
    places.push({
      id,
      port: await freePort(),
      controllerPort: await freePort(),
      folder: path.join(folder, `${id}`),
    })
  const cluster = randomBytes(16).toString('base64url').replace(/^-/, 'A') // a leading dash would read as an option
  await Promise.all(places.map(place => format(jars, cluster, place, settingsOf(place, places, user))))
  const brokers = places.map(place =>
    createServerProcess({
      name: 'Kafka',
      launch: () => spawnJava(jars, ['kafka.Kafka', propertiesOf(place)]),
      answers: () => hasBroker(place.port, user),
    }),
  )
  for (const broker of brokers) open.use(broker)
  await Promise.all(brokers.map(broker => broker.restart()))
  const all = async (work: (broker: Faults) => Promise<void> | void) => {
    await Promise.all(brokers.map(work))
  }
  const login = user ? `${user.name}:${user.password}@` : ''
  const running = open.move()
  return {
    url: `kafka://${login}${places.map(({ port }) => `127.0.0.1:${port}`).join(',')}/`,
    brokers,
    faults: {
      kill: () => all(broker => broker.kill()),
      restart: () => all(broker => broker.restart()),
      pause: () => void all(broker => broker.pause()),
      resume: () => void all(broker => broker.resume()),
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

type Place = {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  readonly folder: string
}

function propertiesOf({ folder }: Place): string {
  return path.join(folder, 'server.properties')
}

async function format(
  jars: string,
  cluster: string,
  place: Place,
  settings: readonly (readonly [string, string])[],
): Promise<void> {
  await mkdir(place.folder)
  await writeFile(propertiesOf(place), settings.map(([name, value]) => `${name}=${value}\n`).join(''))
  const args = ['kafka.tools.StorageTool', 'format', '-t', cluster, '-c', propertiesOf(place)]
  const [code] = await once(spawnJava(jars, args), 'exit')
  if (code !== 0) throw new Error(`Kafka's storage could not be formatted (${code})`)
}

function settingsOf(
  { id, port, controllerPort, folder }: Place,
  places: readonly Place[],
  user: KafkaSetup['user'],
): [string, string][] {
  const protocol = user ? 'SASL_PLAINTEXT' : 'PLAINTEXT'
  const copies = String(places.length)
  const settings: [string, string][] = [
    ['process.roles', 'broker,controller'],
    ['node.id', String(id)],
    ['controller.quorum.voters', places.map(one => `${one.id}@127.0.0.1:${one.controllerPort}`).join(',')],
    ['listeners', `CLIENTS://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`],
    ['advertised.listeners', `CLIENTS://127.0.0.1:${port}`],
    ['listener.security.protocol.map', `CLIENTS:${protocol},CONTROLLER:PLAINTEXT`],
    ['inter.broker.listener.name', 'CLIENTS'],
    ['controller.listener.names', 'CONTROLLER'],
    ['log.dirs', path.join(folder, 'data')],
    ['auto.create.topics.enable', 'false'],
    ['default.replication.factor', copies],
    ['broker.session.timeout.ms', '2000'], // a killed broker can return only once it counts as gone
    ['broker.heartbeat.interval.ms', '500'],
    ['group.initial.rebalance.delay.ms', '0'],
    ['offsets.topic.num.partitions', '2'],
    ['offsets.topic.replication.factor', copies],
    ['transaction.state.log.replication.factor', copies],
    ['transaction.state.log.min.isr', '1'],
  ]
  if (!user) return settings
  const login = `username="${user.name}" password="${user.password}" user_${user.name}="${user.password}"`
  const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required ${login};`
  return [
    ...settings,
    ['sasl.enabled.mechanisms', 'PLAIN'],
    ['sasl.mechanism.inter.broker.protocol', 'PLAIN'],
    ['listener.name.clients.plain.sasl.jaas.config', jaas],
  ]
}

function spawnJava(jars: string, args: readonly string[]): ChildProcess {
  const small = ['-Xms64m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  return spawn('java', [...small, '-cp', path.join(jars, '*'), ...args], { stdio: 'ignore' })
}

/** Returns whether the broker has joined its cluster, from when on it serves its topics. */
async function hasBroker(port: number, user: KafkaSetup['user']): Promise<boolean> {
  const sasl = user && { mechanism: 'PLAIN' as const, username: user.name, password: user.password }
  const client = new Base({
    clientId: 'test',
    bootstrapBrokers: [`127.0.0.1:${port}`],
    retries: 0,
    ...(sasl && { sasl }),
  })
  try {
    const { brokers } = await client.metadata({})
    return brokers.size > 0
  } finally {
    await client.close()
  }
}
