// Parses and checks EVENT_BUS_URL, before a driver is loaded.
import { OperatorError } from '#platform/domain/errors.ts'

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

export type KafkaSettings = {
  /** Each is `host:port`; one reachable broker leads to the others. */
  readonly brokers: readonly string[]
  /** The prefix of topic and group names, so that several installations can share a cluster. */
  readonly namespace: string
  readonly partitions: number
  /** Copies of each message; -1 for the cluster's default. */
  readonly replication: number
  readonly tls: boolean
  readonly login?: {
    readonly mechanism: (typeof MECHANISMS)[number]
    readonly username: string
    readonly password: string
  }
}

const FORM =
  'kafka://[user:password@]host:port[,host:port…]/[namespace][?partitions=8&replication=3&tls=true&sasl=…]'
const URL_PARTS = /^kafka:\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([^?]*))?(?:\?(.*))?$/
const BROKER = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):([0-9]{1,5})$/
/** It has no dot, since a dot ends the namespace in a topic's name. */
const NAMESPACE = /^[A-Za-z0-9_-]{1,100}$/
const OPTIONS = ['partitions', 'replication', 'tls', 'sasl']

/** Adds an issue, for the `superRefine` of a variable, unless `url` is a valid `kafka:` or `postgres:` URL. */
export function checkEventBusUrl(url: string, { addIssue }: { addIssue(message: string): void }): void {
  if (url.startsWith('kafka://')) {
    const problem = kafkaProblem(url)
    if (problem !== undefined) addIssue(problem)
  } else if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url))
    addIssue('should hold a URL such as postgres://… or kafka://…')
}

function kafkaProblem(url: string): string | undefined {
  try {
    parseKafkaUrl(url)
    return undefined
  } catch (error) {
    if (error instanceof OperatorError) return error.message
    throw error
  }
}

/** Throws OperatorError EVENT_BUS_URL_INVALID that says what is wrong, without the password. */
export function parseKafkaUrl(url: string): KafkaSettings {
  const [, userInfo, hosts = '', path = '', query = ''] = URL_PARTS.exec(url) ?? []
  if (!hosts) throw invalid(`it must look like ${FORM}`)
  const options = new URLSearchParams(query)
  for (const name of options.keys())
    if (!OPTIONS.includes(name)) throw invalid(`it takes ${OPTIONS.join(', ')}, not "${name}"`)
  const login = readLogin(userInfo, options.get('sasl'))
  return {
    brokers: readBrokers(hosts),
    namespace: readNamespace(path),
    partitions: readCount(options, 'partitions', { fallback: 8, max: 1_000 }),
    replication: readCount(options, 'replication', { fallback: -1, max: 100 }),
    tls: readSwitch(options, 'tls'),
    ...(login && { login }),
  }
}

function invalid(reason: string): OperatorError {
  return new OperatorError('EVENT_BUS_URL_INVALID', `EVENT_BUS_URL does not lead to Kafka: ${reason}`)
}

function readBrokers(hosts: string): string[] {
  const brokers = hosts.split(',')
  for (const broker of brokers) {
    const port = Number(BROKER.exec(broker)?.[1])
    if (!(port >= 1 && port <= 65_535))
      throw invalid(`"${broker}" is not host:port; it must look like ${FORM}`)
  }
  return brokers
}

function readNamespace(path: string): string {
  if (path === '') return 'waybill'
  if (!NAMESPACE.test(path)) throw invalid(`its path names topics and must match ${NAMESPACE}, not "${path}"`)
  return path
}

function readCount(
  options: URLSearchParams,
  name: string,
  { fallback, max }: { readonly fallback: number; readonly max: number },
): number {
  const text = options.get(name)
  if (text === null) return fallback
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > max)
    throw invalid(`${name} is a number from 1 to ${max}, not "${text}"`)
  return count
}

function readSwitch(options: URLSearchParams, name: string): boolean {
  const text = options.get(name) ?? 'false'
  if (text !== 'true' && text !== 'false') throw invalid(`${name} is true or false, not "${text}"`)
  return text === 'true'
}

function readLogin(userInfo: string | undefined, sasl: string | null): KafkaSettings['login'] {
  if (userInfo === undefined) {
    if (sasl !== null) throw invalid('sasl needs a user and a password before the host')
    return undefined
  }
  const mechanism = MECHANISMS.find(known => known === (sasl ?? 'PLAIN').toUpperCase())
  if (!mechanism) throw invalid(`sasl is one of ${MECHANISMS.join(', ')}, not "${sasl}"`)
  const colon = userInfo.indexOf(':')
  if (colon < 1) throw invalid('before the host stand a user and a password with a colon between')
  return {
    mechanism,
    username: decode(userInfo.slice(0, colon)),
    password: decode(userInfo.slice(colon + 1)),
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('its user or password is not percent-encoded')
  }
}
