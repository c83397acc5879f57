/**
 * Number formats, the packed layout, prefusing, and who owns the memory. Tensors as files hold them
 * enter; matrices in the order in which the kernels read them leave, in memory that one arena owns.
 */
package io.moka.weights;
