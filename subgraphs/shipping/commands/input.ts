// Checks the input of shipping's commands and converts it to domain types.
import {
  checkCount,
  checkId,
  checkInt,
  checkOptionalText,
  checkText,
  malformed,
} from '#platform/subgraph/input.ts'
import type { CreateShipmentInput } from '#schema/generated/shipping.ts'
import type { NewShipment } from '#subgraphs/shipping/commands/shipments.ts'
import type { Address, ShipmentLine } from '#subgraphs/shipping/domain/shipment.ts'
import { MAX_WEIGHT_GRAMS } from '#subgraphs/shipping/domain/tariff.ts'

const COUNTRY = /^[A-Z]{2}$/

export function readShipment(input: CreateShipmentInput): NewShipment {
  return {
    orderId: checkId('orderId', 'order', input.orderId),
    customerId: checkText('customerId', input.customerId, 100),
    warehouse: checkText('warehouse', input.warehouse, 64),
    option: input.option,
    lines: readLines(input.lines),
    weightGrams: checkInt('weightGrams', input.weightGrams, { min: 1, max: MAX_WEIGHT_GRAMS }),
    address: readAddress(input.address),
    instructions: checkOptionalText('instructions', input.instructions, 500) ?? null,
  }
}

function readLines(lines: CreateShipmentInput['lines']): ShipmentLine[] {
  return checkCount('lines', lines, { min: 1, max: 500 }).map(({ sku, quantity }, index) => ({
    sku: checkText(`lines[${index}].sku`, sku, 64),
    quantity: checkInt(`lines[${index}].quantity`, quantity, { min: 1, max: 1_000_000 }),
  }))
}

/** The country was checked when the order was placed, by the rules of that day. */
function readAddress(address: CreateShipmentInput['address']): Address {
  const { line2, region, postalCode, country } = address
  if (!COUNTRY.test(country)) malformed('address.country', 'two letters in capitals, such as DE', country)
  return {
    name: checkText('address.name', address.name, 200),
    line1: checkText('address.line1', address.line1, 200),
    line2: checkOptionalText('address.line2', line2, 200) ?? null,
    city: checkText('address.city', address.city, 100),
    region: checkOptionalText('address.region', region, 100) ?? null,
    postalCode: postalCode == null ? null : checkText('address.postalCode', postalCode, 20),
    country,
  }
}
