// What EVENT_BUS_URL says of Kafka: brokers, login, how topics are made. Free of any driver.
import { OperatorError } from '#platform/domain/errors.ts'

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

export type KafkaSettings = {
  /** `host:port`, any of which leads to the others. */
  readonly brokers: readonly string[]
  /** What the names of topics and groups begin with, so that several installations can share a cluster. */
  readonly namespace: string
  readonly partitions: number
  /** Copies of each message; -1 for what the cluster has as its default. */
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
/** Without a dot, which ends it in a topic's name. */
const NAMESPACE = /^[A-Za-z0-9_-]{1,100}$/
const KNOWN = ['partitions', 'replication', 'tls', 'sasl']

/** Throws OperatorError EVENT_BUS_URL_INVALID that says what is wrong, without the password. */
export function parseKafkaUrl(url: string): KafkaSettings {
  const [, userInfo, hosts = '', path = '', query = ''] = URL_PARTS.exec(url) ?? []
  if (!hosts) throw invalid(`it must look like ${FORM}`)
  const options = new URLSearchParams(query)
  for (const name of options.keys())
    if (!KNOWN.includes(name)) throw invalid(`it takes ${KNOWN.join(', ')}, not "${name}"`)
  const login = readLogin(userInfo, options.get('sasl'))
  return {
    brokers: readBrokers(hosts),
    namespace: readNamespace(path),
    partitions: readCount(options, 'partitions', 8, 1_000),
    replication: readCount(options, 'replication', -1, 100),
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

function readCount(options: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = options.get(name)
  if (text === null) return fallback
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > most)
    throw invalid(`${name} is a number from 1 to ${most}, not "${text}"`)
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
    username: decoded(userInfo.slice(0, colon)),
    password: decoded(userInfo.slice(colon + 1)),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('its user or password is not percent-encoded')
  }
}
