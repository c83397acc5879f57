package io.moka.bench.compare;

import java.util.List;

/**
 * An engine that takes part.
 *
 * @param name what the table calls it
 * @param command starts its process
 * @param tunable whether it can run with weights repacked or not, and attention fused or not
 * @param precision how it computes, for the table; the type of the weights is the file's
 */
record Contender(String name, List<String> command, boolean tunable, String precision) {
  static final String MOKA = "moka";
  static final String LLAMA = "llama.cpp";
  static final String IK = "ik_llama.cpp";
}
