// Records which paths a server has routes for, and for which methods.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type SendError, sendError } from '#platform/http/errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** When true, pages of other origins may be allowed to read its responses; false by default. */
    readonly crossOrigin?: boolean
  }
}

type ServedPath = {
  readonly methods: ReadonlySet<string>
  readonly crossOrigin: boolean
  /** How the first route at this path sends errors. */
  readonly sendError: SendError
}

/** Returns the path of a request, whatever its method; undefined for one without routes. */
export type FindPath = (request: FastifyRequest) => ServedPath | undefined

type RecordedPath = ServedPath & { readonly pattern: RegExp; readonly methods: Set<string> }

/** Records the routes that are added from now on. */
export function recordPaths(app: FastifyInstance): FindPath {
  const recorded = new Map<string, RecordedPath>()
  app.addHook('onRoute', ({ url, method, config = {} }) => {
    if (url === '*') return
    const { crossOrigin = false, sendError: send = sendError } = config
    const path = recorded.get(url) ?? {
      pattern: patternOf(url),
      methods: new Set(),
      crossOrigin,
      sendError: send,
    }
    recorded.set(url, path)
    for (const one of [method].flat()) path.methods.add(one)
  })
  return ({ url }) => {
    const path = url.split('?', 1)[0] ?? ''
    return recorded.get(path) ?? recorded.values().find(({ pattern }) => pattern.test(path))
  }
}

function patternOf(url: string): RegExp {
  const text = url.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:\w+/g, '[^/]+')
  return new RegExp(`^${text}$`)
}
