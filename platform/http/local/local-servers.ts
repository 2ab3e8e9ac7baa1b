// Knows the HTTP servers that listen in this process, so that a client here can hand them its requests without a socket.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { RequestListener } from 'node:http'
import { Socket } from 'node:net'
import {
  type HttpRequest,
  type HttpResponse,
  LocalMessage,
  LocalReply,
} from '#platform/http/local/local-exchange.ts'

type LocalServer = {
  /**
   * Takes the request through all stages of the server, as one that came over a socket. Rejects with the signal's reason
   * when it is aborted, and when the server stops or gives up before it has answered.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>
}

type Address = { readonly host: string; readonly port: number }

const servers = new Map<string, LocalServer>()

/** `origin` is that of a URL; only an address is found by it, never a name, which could resolve to somewhere else. */
export function findLocalServer(origin: string): LocalServer | undefined {
  return servers.get(origin)
}

/** The exchanges of a server with clients of its own process. */
export type LocalExchanges = {
  /** Takes no new requests, and resolves when those under way have ended. */
  close(): Promise<void>
  /** Rejects the requests under way. */
  cut(): void
}

/** `host` is the address that is bound; `serve` is what the server does with a request. */
export function serveLocally({ host, port }: Address, serve: RequestListener): LocalExchanges {
  const { origin, host: authority } = new URL(`http://${host}:${port}`)
  const socket = loopbackSocket(host)
  // The server's own context: neither the caller's span nor its service belongs to what the server does.
  const inServer = AsyncLocalStorage.snapshot()
  const running = new Set<LocalReply>()
  const drained = Promise.withResolvers<void>()
  let closing = false

  const server: LocalServer = {
    send(request, signal) {
      if (signal.aborted) return Promise.reject(signal.reason)
      return new Promise((resolve, reject) => {
        const settle = () => {
          signal.removeEventListener('abort', abort)
          running.delete(reply)
          if (closing && running.size === 0) drained.resolve()
        }
        const message = new LocalMessage(socket, request, authority)
        const reply = new LocalReply(message, {
          onEnd(response) {
            settle()
            resolve(response)
          },
          onDestroy(error = stopped()) {
            settle()
            reject(error)
          },
        })
        const abort = () => void reply.destroy(signal.reason)
        signal.addEventListener('abort', abort)
        running.add(reply)
        inServer(serve, message, reply)
      })
    },
  }
  servers.set(origin, server)
  return {
    close() {
      closing = true
      if (servers.get(origin) === server) servers.delete(origin)
      if (running.size === 0) drained.resolve()
      return drained.promise
    },
    cut() {
      for (const reply of running) reply.destroy(stopped())
    },
  }
}

function stopped(): Error {
  return new Error('the server stopped before it had answered')
}

/** A socket that is never connected, for stages that ask who is calling: somebody on this machine. */
function loopbackSocket(address: string): Socket {
  return Object.defineProperty(new Socket(), 'remoteAddress', { value: address.replace(/^\[|\]$/g, '') })
}
