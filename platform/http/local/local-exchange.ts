// The two sides of an HTTP exchange within the process, as a server's stages read and write them: no socket, no parser.
import { type IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export type HttpRequest = {
  readonly method: 'GET' | 'POST'
  /** The path, with the query string. */
  readonly path: string
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** A text as it is. An object goes as JSON; within the process as it is, so that neither side may change it. */
  readonly body?: string | object | undefined
}

export type HttpResponse = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  /** The value that a server of this process handed over in place of JSON in `bytes`; nobody may change it. */
  readonly json?: unknown
}

export class LocalMessage extends IncomingMessage {
  readonly #body: string | object | undefined
  #json: object | undefined

  constructor(socket: Socket, { method, path, headers, body }: HttpRequest, host: string) {
    super(socket)
    this.method = method
    this.url = path
    this.headers = { ...headers, host }
    // Nothing crosses a network, so nothing is worth compressing.
    delete this.headers['accept-encoding']
    this.httpVersion = '1.1'
    this.httpVersionMajor = 1
    this.httpVersionMinor = 1
    this.complete = true
    this.#body = body
  }

  /** The body, once it was taken as a value. */
  get json(): object | undefined {
    return this.#json
  }

  /** Takes a body that is a value as it is: there is nothing to read then. */
  takeJson(): void {
    if (typeof this.#body === 'object') this.#json = this.#body
  }

  override _read(): void {
    const body = this.#json === undefined ? this.#body : undefined
    if (body !== undefined) this.push(typeof body === 'string' ? body : JSON.stringify(body))
    this.push(null)
  }
}

type ReplyEvents = {
  readonly onEnd: (response: HttpResponse) => void
  /** Called when the server gives the response up. */
  readonly onDestroy: (error?: Error) => void
}

export class LocalReply extends ServerResponse {
  /** Set before the end, it is handed over in place of bytes. */
  json: unknown
  readonly #events: ReplyEvents
  readonly #chunks: Buffer[] = []
  #headers: IncomingHttpHeaders = {}

  constructor(message: LocalMessage, events: ReplyEvents) {
    super(message)
    this.#events = events
  }

  override writeHead(status: number, ...rest: readonly unknown[]): this {
    this.statusCode = status
    const headers = rest.at(-1)
    if (typeof headers === 'object' && headers !== null) this.#headers = textHeaders(headers)
    return this
  }

  override write(chunk: unknown): boolean {
    this.#chunks.push(Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk)))
    return true
  }

  override end(chunk?: unknown): this {
    if (Buffer.isBuffer(chunk) || typeof chunk === 'string') this.write(chunk)
    this.finished = true
    const [only = Buffer.alloc(0), ...more] = this.#chunks
    const bytes = more.length === 0 ? only : Buffer.concat(this.#chunks)
    this.#events.onEnd({ status: this.statusCode, headers: this.#headers, bytes, json: this.json })
    this.emit('finish')
    return this
  }

  override destroy(error?: Error): this {
    this.#events.onDestroy(error)
    super.destroy(error)
    this.emit('close')
    return this
  }
}

/** Returns headers as they would be read from a socket. */
function textHeaders(headers: object): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value : String(value)]),
  )
}
