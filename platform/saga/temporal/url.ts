// Parses WORKFLOW_URL: the address, namespace, task queue, key and TLS settings of Temporal.
import { readFileSync } from 'node:fs'
import { OperatorError } from '#platform/domain/errors.ts'

export type TemporalEndpoint = {
  /** `host:port`. */
  readonly address: string
  readonly namespace: string
  /** Undefined for the default queue of the saga. */
  readonly taskQueue: string | undefined
  readonly apiKey: string | undefined
  readonly tls: TemporalTls | false
}

type TemporalTls = {
  readonly serverNameOverride?: string
  readonly serverRootCACertificate?: Buffer
  readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer }
}

const PARAMETERS = ['taskQueue', 'tls', 'tlsServerName', 'tlsCa', 'tlsCert', 'tlsKey']
const FORM = 'temporal://host:port/namespace'

/**
 * `temporal://[:apiKey@]host[:port]/namespace`, and as parameters `taskQueue`, `tls` (true or false; true with an API
 * key or any of the following), `tlsServerName`, and the files `tlsCa`, `tlsCert` and `tlsKey`. Throws OperatorError
 * WORKFLOW_URL_INVALID that says what is wrong with it.
 */
export function readTemporalUrl(text: string): TemporalEndpoint {
  if (!URL.canParse(text)) throw invalid(`is not a URL: it should be ${FORM}`)
  const url = new URL(text)
  const namespace = decodeURIComponent(url.pathname.slice(1))
  if (!url.hostname) throw invalid(`names no host: it should be ${FORM}`)
  if (!namespace || namespace.includes('/')) throw invalid(`names no namespace: it should be ${FORM}`)
  const unknown = [...url.searchParams.keys()].filter(name => !PARAMETERS.includes(name))
  if (unknown.length > 0)
    throw invalid(`has the parameter ${unknown.join(', ')}; there are ${PARAMETERS.join(', ')}`)
  const apiKey = url.password ? decodeURIComponent(url.password) : undefined
  return {
    address: `${url.hostname}:${url.port || 7233}`,
    namespace,
    taskQueue: url.searchParams.get('taskQueue') || undefined,
    apiKey,
    tls: readTls(url.searchParams, apiKey),
  }
}

/** TLS is the default with an API key. */
function readTls(parameters: URLSearchParams, apiKey: string | undefined): TemporalTls | false {
  const wanted = parameters.get('tls')
  if (wanted !== null && wanted !== 'true' && wanted !== 'false')
    throw invalid(`has tls=${wanted}: it should be true or false`)
  const serverName = parameters.get('tlsServerName')
  const [ca, crt, key] = ['tlsCa', 'tlsCert', 'tlsKey'].map(name => readFile(name, parameters.get(name)))
  const isGiven = Boolean(serverName || ca || crt || key)
  if (wanted === 'false' && isGiven) throw invalid('has tls=false and says how to use TLS')
  if (Boolean(crt) !== Boolean(key)) throw invalid('needs tlsCert and tlsKey together')
  if (wanted === 'false' || (wanted === null && !isGiven && apiKey === undefined)) return false
  return {
    ...(serverName && { serverNameOverride: serverName }),
    ...(ca && { serverRootCACertificate: ca }),
    ...(crt && key && { clientCertPair: { crt, key } }),
  }
}

function readFile(name: string, file: string | null): Buffer | undefined {
  if (!file) return undefined
  try {
    return readFileSync(file)
  } catch (cause) {
    throw invalid(`has ${name}=${file}, which cannot be read`, cause)
  }
}

function invalid(problem: string, cause?: unknown): OperatorError {
  return new OperatorError('WORKFLOW_URL_INVALID', `WORKFLOW_URL ${problem}`, cause)
}
