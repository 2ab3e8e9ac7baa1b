// Streams the records of a CSV file with their line numbers, and reports those that cannot be read.
import path from 'node:path'
import { Readable } from 'node:stream'
import { type CsvError, parse } from 'csv-parse'
import { OperatorError } from '#platform/domain/errors.ts'
import { decodedText } from '#tools/import/decode.ts'

/** Values by the header's column names. */
export type CsvRecord = Readonly<Record<string, string>>

export type CsvRow =
  | { readonly line: number; readonly record: CsvRecord }
  /** `fields` are the values that could be read, by column name. */
  | { readonly line: number; readonly unreadable: string; readonly fields: CsvRecord }

type CsvOptions = {
  readonly encoding: string
  readonly delimiter: string
  /** The columns that the header must have. */
  readonly columns: readonly string[]
}

/** A record longer than this means that a quotation mark is never closed. */
const MAX_RECORD_BYTES = 1_000_000

/**
 * Yields every row of `file` in order; memory is bounded by one record. Throws OperatorError IMPORT_HEADER_INCOMPLETE that
 * names the missing columns, IMPORT_FILE_EMPTY for a file without a header, and IMPORT_FILE_UNREADABLE as
 * `decodedText` does.
 */
export async function* readCsv(file: string, options: CsvOptions): AsyncGenerator<CsvRow> {
  const name = path.basename(file)
  let header: readonly string[] | undefined
  const skipped: CsvRow[] = []
  const parser = parse({
    delimiter: options.delimiter,
    columns: (names: string[]) => {
      header = names.map(column => column.trim())
      checkHeader(name, header, options)
      return [...header]
    },
    info: true,
    raw: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: MAX_RECORD_BYTES,
    on_skip: error => {
      if (error) skipped.push(unreadableRow(error, header ?? []))
      return undefined
    },
  })
  const source = Readable.from(decodedText(file, options.encoding))
  source.once('error', error => parser.destroy(error))
  source.pipe(parser)
  try {
    for await (const parsed of parser as AsyncIterable<Parsed>) {
      yield* skipped.splice(0)
      yield { line: firstLine(parsed), record: parsed.record }
    }
  } catch (error) {
    throw error instanceof OperatorError ? error : unparsable(name, error)
  } finally {
    source.destroy()
  }
  yield* skipped
  if (header === undefined)
    throw new OperatorError('IMPORT_FILE_EMPTY', `${name} is empty: it should begin with a header line.`)
}

type Parsed = {
  readonly record: CsvRecord
  readonly raw: string
  readonly info: { readonly lines: number }
}

/** Returns the line where a record begins. The parser counts up to its end, which may be several lines later. */
function firstLine({ raw, info }: Parsed): number {
  const text = raw.replace(/^[\r\n]+|[\r\n]+$/g, '')
  return info.lines - (text.match(/\r\n|\r|\n/g) ?? []).length
}

function unreadableRow(error: CsvError, header: readonly string[]): CsvRow {
  const record: unknown = error.record
  const values = Array.isArray(record) ? record : []
  const fields = Object.fromEntries(header.map((column, index) => [column, String(values[index] ?? '')]))
  return { line: Number(error.lines ?? 0), unreadable: `unreadable: ${error.message}`, fields }
}

function checkHeader(name: string, header: readonly string[], { columns, delimiter }: CsvOptions): void {
  const missing = columns.filter(column => !header.includes(column))
  const twice = header.find((column, index) => header.indexOf(column) !== index)
  if (missing.length > 0)
    throw new OperatorError(
      'IMPORT_HEADER_INCOMPLETE',
      `${name} lacks ${missing.length === 1 ? 'the column' : 'the columns'} ${missing.join(', ')}: its header, split at "${delimiter}", has ${header.join(', ').slice(0, 200)}.`,
    )
  if (twice !== undefined)
    throw new OperatorError(
      'IMPORT_HEADER_INCOMPLETE',
      `${name} has the column ${twice} twice: give each column a name of its own.`,
    )
}

function unparsable(name: string, error: unknown): OperatorError {
  const message = error instanceof Error ? error.message : String(error)
  return new OperatorError(
    'IMPORT_FILE_UNREADABLE',
    `${name} is no CSV file that can be read: ${message}.`,
    error,
  )
}
