/**
 * Models from a hub. A name enters; files lie in the shared Hugging Face cache afterwards, in that
 * cache's own layout, checked against the hashes that the hub names. The package also lists and
 * removes what the cache holds. It owns the files it writes until they have their names, and no
 * memory beyond a buffer.
 *
 * <pre>{@code
 * <cache>/models--org--name/blobs/<hash>              contents; <hash>.incomplete while they come
 *                          /snapshots/<commit>/<file>  links to blobs
 *                          /refs/<revision>            the commit that a revision names
 * <cache>/.locks/models--org--name/<hash>.lock        held while a blob is fetched or removed
 * }</pre>
 */
package io.moka.hub;
