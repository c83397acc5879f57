/**
 * The step loop. Requests in token ids enter; sampled ids and their text leave. It decides which
 * rows a forward pass gets, which cache blocks they use and what is sampled; arithmetic on weights
 * lies below. Who holds an {@link io.moka.engine.EngineState} owns the blocks it hands out, and one
 * thread at a time may use it.
 */
package io.moka.engine;
