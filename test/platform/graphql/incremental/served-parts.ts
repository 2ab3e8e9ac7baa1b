// Reads the parts of a multipart response as they come.
import { postJson } from '#test/fixtures/http-server.ts'

export const IDS = 'multipart/mixed;incrementalSpec=v0.2, application/json'
export const PATHS = 'multipart/mixed;deferSpec=20220824, application/json'

/** Yields the JSON of each part once its end, the next delimiter, has come. */
export async function* readParts(response: Response): AsyncGenerator<unknown, void, void> {
  const boundary = /boundary="?([^";]+)"?/.exec(response.headers.get('content-type') ?? '')?.[1]
  if (boundary === undefined || response.body === null) throw new Error('the response has no parts')
  const delimiter = `\r\n--${boundary}`
  let text = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    let end = text.indexOf(delimiter)
    while (end >= 0) {
      const part = text.slice(0, end)
      text = text.slice(end + delimiter.length)
      const body = part.indexOf('\r\n\r\n')
      if (body >= 0) yield JSON.parse(part.slice(body + 4))
      end = text.indexOf(delimiter)
    }
  }
  if (text !== '--\r\n') throw new Error(`the response ends with ${JSON.stringify(text)}`)
}

/** Posts a query, and returns all of its parts with the response. */
export async function postForParts(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly response: Response; readonly parts: readonly unknown[] }> {
  const response = await postJson(url, body, { accept: IDS, ...headers })
  return { response, parts: await allOf(readParts(response)) }
}

export async function allOf(parts: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const part of parts) all.push(part)
  return all
}
