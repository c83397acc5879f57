/**
 * What Java users of Moka see: load a model, generate text, chat, close. Model files and requests
 * enter, text leaves; the loaded model owns all memory off the heap until it is closed. The
 * exceptions of this package are the only part of it that the packages below use.
 */
package io.moka;
