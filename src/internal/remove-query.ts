/** @module The part of a URI before its query and fragment. */

/**
 * Removes query and fragment. Does not use a regular expression, because the runtime keeps the text of
 * the last match, as `RegExp.$_`, and a query may contain an access token.
 */
export function removeQuery(uri: string): string {
  const query = uri.indexOf('?')
  const fragment = uri.indexOf('#')
  const isFragmentFirst = query === -1 || (fragment !== -1 && fragment < query)
  const end = isFragmentFirst ? fragment : query
  return end === -1 ? uri : uri.slice(0, end)
}
