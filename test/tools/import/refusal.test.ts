import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { importFolder, type Rows } from '#test/tools/import/files.ts'
import { readMapping } from '#tools/import/mapping.ts'
import { planImport } from '#tools/import/plan.ts'
import { readTables } from '#tools/import/tables.ts'

/** Plans the folder's files after `change` has changed them. */
async function planChanged(
  change: (folder: string) => Promise<void>,
  { rows = {}, encoding }: { rows?: Rows; encoding?: string } = {},
) {
  await using files = await importFolder(rows)
  await change(files.folder)
  const mapping = await readMapping('olist')
  return planImport(await readTables(files.folder, mapping, encoding), mapping)
}

const LATIN1 = Buffer.from(
  'customer_id,zip_prefix,city,state\nc1,01310,são paulo,SP\nc2,01310,x,SP\n',
  'latin1',
)
const writeCustomers = (bytes: Buffer) => (folder: string) =>
  writeFile(path.join(folder, 'customers.csv'), bytes)

describe('unusable files are refused with a sentence', () => {
  test('missing columns of all files are named at once', async () => {
    const planning = planChanged(async folder => {
      await writeFile(path.join(folder, 'orders.csv'), 'order_id;customer_id\no1;c1\n')
      await writeFile(path.join(folder, 'payments.csv'), 'order_id,seq,type\no1,1,voucher\n')
    })
    await expect(planning).rejects.toMatchObject({
      code: 'IMPORT_HEADER_INCOMPLETE',
      message: [
        'orders.csv lacks the columns order_id, customer_id, purchased_at, status: its header, split at ",", has order_id;customer_id.',
        'payments.csv lacks the column amount: its header, split at ",", has order_id, seq, type.',
      ].join('\n'),
    })
  })

  test('a file without a header is reported as empty', async () => {
    const planning = planChanged(folder => writeFile(path.join(folder, 'items.csv'), ''))
    await expect(planning).rejects.toMatchObject({
      code: 'IMPORT_FILE_EMPTY',
      message: 'items.csv is empty: it should begin with a header line.',
    })
  })

  test('headers without rows are refused: there is nothing to import', async () => {
    const rows = { orders: [], items: [], payments: [], products: [], customers: [] }
    await expect(planChanged(async () => {}, { rows })).rejects.toMatchObject({
      code: 'NOTHING_TO_IMPORT',
      message: 'Nothing is imported: orders.csv has no rows.',
    })
  })

  test('files without a usable order are refused with the reasons', async () => {
    const planning = planChanged(async () => {}, { rows: { items: [] } })
    await expect(planning).rejects.toMatchObject({
      code: 'NOTHING_TO_IMPORT',
      message: expect.stringMatching(
        /no order can be used\.\n {2}orders\.csv:2 {2}order o1: it has no row in items/,
      ),
    })
  })

  test('a missing file is named', async () => {
    const mapping = await readMapping('olist')
    await expect(readTables('/no/such/folder', mapping)).rejects.toMatchObject({
      message: expect.stringContaining('There is no file /no/such/folder/orders.csv.'),
    })
  })

  test('a quotation mark that is never closed is reported', async () => {
    const planning = planChanged(folder =>
      writeFile(
        path.join(folder, 'items.csv'),
        `${'order_id,item_no,product_id,seller_id,unit_price,freight'}\no1,1,"p1,s1,10.00,1.50\no2,1,p2,s1,10.00,1.50\n`,
      ),
    )
    await expect(planning).rejects.toThrow(/items\.csv/)
  })
})

describe('encodings', () => {
  test('a file that is not UTF-8 is refused with its byte, offset and line', async () => {
    await expect(planChanged(writeCustomers(LATIN1))).rejects.toMatchObject({
      code: 'IMPORT_FILE_UNREADABLE',
      message: expect.stringContaining('customers.csv is not utf-8: byte 0xE3 at offset 44 (line 2)'),
    })
  })

  test('the file is decoded by --encoding', async () => {
    const plan = await planChanged(writeCustomers(LATIN1), { encoding: 'latin1' })
    expect(plan.orders[0]?.address.city).toBe('são paulo')
  })

  test('an invalid character is named by its first byte, also across chunks', async () => {
    const head = 'customer_id,zip_prefix,city,state\nc1,01310,x,SP\nc2,01310,'
    const filler = 'é'.repeat(65_536 / 2 - head.length / 2 - 1) // é ends one byte before the first chunk does
    const text = Buffer.concat([Buffer.from(`${head}${filler}`), Buffer.from([0xe2, 0x82, 0x41])])
    await expect(planChanged(writeCustomers(text))).rejects.toThrow(
      `byte 0xE2 at offset ${text.length - 3} (line 3)`,
    )
  })

  test('a truncated character at the end of the file is refused', async () => {
    const text = Buffer.concat([
      Buffer.from('customer_id,zip_prefix,city,state\nc1,01310,'),
      Buffer.from([0xc3]),
    ])
    await expect(planChanged(writeCustomers(text))).rejects.toThrow(`byte 0xC3 at offset ${text.length - 1}`)
  })

  test('a byte order mark does not become part of the first column', async () => {
    const plan = await planChanged(async folder => {
      const file = path.join(folder, 'customers.csv')
      await writeFile(file, `\ufeff${'customer_id,zip_prefix,city,state\nc1,01310,a,SP\nc2,01310,b,SP\n'}`)
    })
    expect(plan.orders).toHaveLength(2)
  })
})
