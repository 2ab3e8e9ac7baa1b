// How a REST answer is sent: what a client may keep, what nobody may. Free of routes.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { encodeResponse, sendResponse } from '#platform/http/response-body.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

/** To be kept by the client alone, and asked for again each time: 304 while it is the same. Packed as the client takes it. */
export async function sendCacheable(
  request: FastifyRequest,
  reply: FastifyReply,
  body: string,
): Promise<FastifyReply> {
  const answer = encodeResponse({ text: body, headers: { 'content-type': JSON_TYPE }, tagged: true })
  await sendResponse(request, reply, answer)
  return reply
}

/** The outcome of a command: nobody's to keep. */
export function sendUncacheable(reply: FastifyReply, body: string): FastifyReply {
  return reply.header('cache-control', 'no-store').type(JSON_TYPE).send(body)
}
