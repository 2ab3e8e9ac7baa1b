// Which paths a server has routes for, and for which methods. Free of what the routes do.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type SendError, sendError } from '#platform/http/errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Pages of other origins may be allowed to read its answers; those of a route without it never are. */
    readonly crossOrigin?: boolean
  }
}

type ServedPath = {
  readonly methods: ReadonlySet<string>
  readonly crossOrigin: boolean
  /** How the first route at this path sends errors. */
  readonly sendError: SendError
}

/** The path that a request is for, whatever its method; undefined for one without routes. */
export type FindPath = (request: FastifyRequest) => ServedPath | undefined

type Noted = ServedPath & { readonly pattern: RegExp; readonly methods: Set<string> }

/** Notes the routes that are added from now on. */
export function notePaths(app: FastifyInstance): FindPath {
  const noted = new Map<string, Noted>()
  app.addHook('onRoute', ({ url, method, config = {} }) => {
    if (url === '*') return
    const { crossOrigin = false, sendError: send = sendError } = config
    const path = noted.get(url) ?? {
      pattern: patternOf(url),
      methods: new Set(),
      crossOrigin,
      sendError: send,
    }
    noted.set(url, path)
    for (const one of [method].flat()) path.methods.add(one)
  })
  return ({ url }) => {
    const path = url.split('?', 1)[0] ?? ''
    return noted.get(path) ?? noted.values().find(({ pattern }) => pattern.test(path))
  }
}

function patternOf(url: string): RegExp {
  const text = url.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:\w+/g, '[^/]+')
  return new RegExp(`^${text}$`)
}
