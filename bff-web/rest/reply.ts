// How a REST answer is sent, and when a client that has it already is told so instead. Free of routes.
import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

const JSON_TYPE = 'application/json; charset=utf-8'

/** To be kept by the client alone, and asked for again each time: 304 while it is the same (RFC 9110, 13.1.2). */
export function sendKept(request: FastifyRequest, reply: FastifyReply, body: string): FastifyReply {
  const etag = `"${hash('sha256', body, 'base64url').slice(0, 27)}"`
  reply.headers({ etag, 'cache-control': 'private, no-cache', vary: 'authorization, accept-language' })
  if (names(request.headers['if-none-match'], etag)) return reply.code(304).send()
  return reply.type(JSON_TYPE).send(body)
}

/** The outcome of a command: nobody's to keep. */
export function sendBody(reply: FastifyReply, body: string): FastifyReply {
  return reply.header('cache-control', 'no-store').type(JSON_TYPE).send(body)
}

/** Weakly, as for GET: what an intermediary has compressed is marked weak, and means the same. */
function names(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.split(',').some(entry => entry.trim().replace(/^W\//, '') === etag)
}
