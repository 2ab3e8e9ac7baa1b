// Reads a CSV file row by row, each with its line number; a row that cannot be read is reported, and the rest goes on.
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { parse } from 'csv-parse'
import type { z } from 'zod'

/** A row that cannot be used: where it stands, and why. */
export type Reject = {
  readonly file: string
  readonly line: number
  readonly reason: string
  /** The row's first column, where it could be read: what the row belongs to. */
  readonly key?: string
}

export type Rows<T> = {
  readonly rows: readonly { readonly line: number; readonly row: T }[]
  readonly rejects: readonly Reject[]
}

/** Every row of `file` that fits `schema`; the others as rejects. Throws only when the file cannot be opened. */
export async function readRows<T>(file: string, schema: z.ZodType<T>): Promise<Rows<T>> {
  const name = path.basename(file)
  const rejects: Reject[] = []
  const rows: { line: number; row: T }[] = []
  const parser = createReadStream(file).pipe(
    parse({
      columns: true,
      bom: true,
      info: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      on_skip: error => {
        if (error)
          rejects.push({
            file: name,
            line: Number(error.lines ?? 0),
            reason: `unreadable: ${error.message}`,
            ...keyOf(error.record),
          })
        return undefined
      },
    }),
  )
  for await (const { record, info } of parser as AsyncIterable<{
    record: unknown
    info: { lines: number }
  }>) {
    const read = schema.safeParse(record)
    if (read.success) rows.push({ line: info.lines, row: read.data })
    else
      rejects.push({
        file: name,
        line: info.lines,
        reason: read.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; '),
        ...keyOf(record),
      })
  }
  rejects.sort((a, b) => a.line - b.line)
  return { rows, rejects }
}

function keyOf(record: unknown): { key?: string } {
  if (typeof record !== 'object' || record === null) return {}
  const [first] = Object.values(record)
  return typeof first === 'string' ? { key: first } : {}
}
