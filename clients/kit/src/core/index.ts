// The entry `@waybill/kit`: what every front end can use, whatever its GraphQL client.
export { authorizedFetch, createSender, HttpFault, type HttpOptions, type SendOperation } from './http.ts'
export { isAbout, isPending, isRefusal, type Outcome, outcomeOf, type Refusal } from './refusals.ts'
export {
  codeOf,
  type GraphqlError,
  type GraphqlRequest,
  type GraphqlResult,
  isTransient,
  type OperationText,
  retryAfterOf,
} from './request.ts'
export { type Currency, type DateTime, type Decimal, formatMoney, isDecimal } from './scalars.ts'
export { createTokens, type TokenOptions, type TokenSource } from './tokens.ts'
