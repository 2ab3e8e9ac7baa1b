// Says which countries have postal codes, from Google's address data in the package localized-address-format.
import { formatAddress } from 'localized-address-format'

const SOME_CODE = '0'

/** False for an ISO 3166-1 alpha-2 code of a country whose addresses are written without a postal code, such as HK. */
export function hasPostalCodes(country: string): boolean {
  const written = formatAddress({ postalCountry: country, postalCode: SOME_CODE })
  return written.some(line => line.includes(SOME_CODE))
}
