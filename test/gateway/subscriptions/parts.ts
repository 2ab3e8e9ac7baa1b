// Reads an answer in parts as they come.

export type Part = Readonly<Record<string, unknown>>

const DELIMITER = '\r\n--graphql'

/** A part is yielded when the delimiter behind it has come. Throws when the answer ends without the closing one. */
export async function* partsOf(response: Response): AsyncGenerator<Part> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    for (let end = text.indexOf(DELIMITER); end >= 0; end = text.indexOf(DELIMITER)) {
      const part = text.slice(0, end)
      text = text.slice(end + DELIMITER.length)
      const body = part.split('\r\n\r\n')[1]
      if (body !== undefined) yield JSON.parse(body)
    }
  }
  if (text !== '--\r\n') throw new Error(`the answer ends with ${JSON.stringify(text)}`)
}
