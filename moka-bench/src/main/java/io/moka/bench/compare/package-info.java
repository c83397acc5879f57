/**
 * Moka beside other engines, on the same files and the same machine, in turn: {@code
 * bench/compare}.
 *
 * <p>Each engine is a process of its own that loads a file and answers commands, so that none
 * disturbs another's memory or threads; {@link io.moka.bench.compare.Compare} drives them.
 */
package io.moka.bench.compare;
