// Sends a response in parts over HTTP (multipart/mixed), in the form that the client's Accept header asks for.
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { PartsForm } from '#platform/graphql/incremental/parts-form.ts'
import { preferredType } from '#platform/http/media-types.ts'

const PARTS_TYPES = /multipart\/mixed[^,]*/gi
const WEIGHT = /;\s*q\s*=[^;]*/i
const PATHS = /;\s*deferSpec\s*=\s*"?20220824\b/i
const IDS = /;\s*incrementalSpec\s*=\s*"?v0\.2\b/i
/** Parameters that choose another protocol than the specification's draft. */
const OTHER = /;\s*\w+Spec\s*=/i

const TYPES: Readonly<Record<PartsForm, string>> = {
  ids: 'multipart/mixed; boundary="-"; incrementalSpec=v0.2',
  paths: 'multipart/mixed; boundary="-"; deferSpec=20220824',
}
// A client sees a part once it sees the delimiter after it, so the delimiter is sent with the part.
const OPENING = '\r\n---'
const PART_HEAD = '\r\ncontent-type: application/json; charset=utf-8\r\n\r\n'
const CLOSING = '--\r\n'
/** How long a client may leave a part unread. */
const UNREAD_MS = 30_000

/** Returns the multipart types that a client names in its Accept header, without those with a weight of 0. */
export function acceptedMultipartTypes({ headers: { accept = '' } }: FastifyRequest): string[] {
  const named = (accept.match(PARTS_TYPES) ?? []).map(type => type.replace(WEIGHT, ''))
  return named.filter(type => preferredType(accept, [type]) !== undefined)
}

/**
 * Returns the form of incremental delivery that a client weighs highest: `multipart/mixed` alone means the specification's
 * draft. Undefined for one that names none, which a range such as any type does not, and for a HEAD.
 */
export function acceptedPartsForm(request: FastifyRequest): PartsForm | undefined {
  const { accept } = request.headers
  if (!accept?.toLowerCase().includes('multipart/mixed') || request.method === 'HEAD') return undefined
  const usable = acceptedMultipartTypes(request).filter(type => formOf(type) !== undefined)
  const preferred = usable.length > 0 ? preferredType(accept, usable) : undefined
  return preferred === undefined ? undefined : formOf(preferred)
}

function formOf(type: string): PartsForm | undefined {
  if (PATHS.test(type)) return 'paths'
  return IDS.test(type) || !OTHER.test(type) ? 'ids' : undefined
}

type Parts = {
  readonly form: PartsForm
  /** The text of the first part, as JSON. */
  readonly first: string
  /** The texts of the others. It is asked for the next one only after the one before was sent. */
  readonly rest: AsyncIterable<string>
}

/** Resolves once the last part is sent, or the client is gone: `rest` is ended then. */
export async function sendParts(reply: FastifyReply, { form, first, rest }: Parts): Promise<void> {
  const unread = setTimeout(() => reply.raw.destroy(), UNREAD_MS)
  async function* body() {
    yield `${OPENING}${PART_HEAD}${first}${OPENING}`
    await nextTurn() // the first part leaves before work on the others begins
    for await (const text of rest) {
      unread.refresh()
      yield `${PART_HEAD}${text}${OPENING}`
    }
    yield CLOSING
  }
  const closed = reply.raw.destroyed ? undefined : once(reply.raw, 'close')
  void reply
    .headers({ 'content-type': TYPES[form], 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    .send(Readable.from(body(), { highWaterMark: 1 }))
  await closed
  clearTimeout(unread)
}
