package io.moka.bench.compare;

import java.util.List;

/**
 * An engine that takes part.
 *
 * @param name what the table calls it
 * @param command starts its process
 * @param tunable whether it can run with weights repacked or not, and attention fused or not
 * @param quantised how it takes the inputs of quantised weights
 * @param floats how it takes those of 16-bit weights
 * @param cache how it stores keys and values
 */
record Contender(
    String name,
    List<String> command,
    boolean tunable,
    String quantised,
    String floats,
    String cache) {
  static final String MOKA = "moka";
  static final String LLAMA = "llama.cpp";
  static final String IK = "ik_llama.cpp";

  /** A peer, which rounds the inputs of a product to the kind of its weights. */
  static Contender peer(String name, List<String> command) {
    return new Contender(name, command, true, "int8", "bf16", "f16");
  }

  /** How it computes with weights of a type, for the table. */
  String precision(CompareReport.Model model) {
    return model.type() + " x " + (model.quantised() ? quantised : floats) + ", cache " + cache;
  }
}
