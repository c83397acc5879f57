package io.moka.bench.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Brings the peers onto this machine: llama.cpp prebuilt from npm, ik_llama.cpp from its build. */
final class Peers {
  private final Path bench;

  /**
   * Peers of this repository.
   *
   * @param home the repository; what is installed or built goes to {@code bench/target}
   */
  Peers(Path home) {
    bench = home.resolve("bench");
  }

  /** Installs llama.cpp where it is not yet; returns the folder of its libraries. */
  Path llama() throws IOException, InterruptedException {
    // one folder for each release: another one is another folder
    Path folder = bench.resolve("target").resolve(LlamaLibrary.PACKAGE.replaceAll("[@/]", "_"));
    Path libraries = folder.resolve("node_modules/@node-llama-cpp/linux-x64/bins/linux-x64");
    if (!Files.isDirectory(libraries)) {
      Files.createDirectories(folder);
      run(
          folder,
          folder.resolve("npm.log"),
          "install llama.cpp from npm",
          List.of(
              "npm", "install", "--no-audit", "--no-fund", "--prefix", ".", LlamaLibrary.PACKAGE));
    }
    return libraries;
  }

  /** Compiles the driver of a built ik_llama.cpp where it is not yet; returns the program. */
  Path ik(Path checkout) throws IOException, InterruptedException {
    Path llama = checkout.resolve("build/src");
    Path ggml = checkout.resolve("build/ggml/src");
    if (!Files.isRegularFile(llama.resolve("libllama.so"))) {
      throw new IllegalArgumentException(
          "--ik "
              + checkout
              + ": no build/src/libllama.so in it; docs/benchmarks.md says how to build it");
    }
    Path source = bench.resolve("ik_engine.cpp");
    Path program = bench.resolve("target/ik_engine");
    Files.createDirectories(program.getParent());
    run(
        bench,
        bench.resolve("target/ik_engine.log"),
        "compile " + source.getFileName(),
        List.of(
            "c++",
            "-O2",
            "-std=c++17",
            "-I" + checkout.resolve("include"),
            "-I" + checkout.resolve("ggml/include"),
            source.toString(),
            "-o",
            program.toString(),
            "-L" + llama,
            "-L" + ggml,
            "-lllama",
            "-lggml",
            "-Wl,-rpath," + llama + ":" + ggml));
    return program;
  }

  private static void run(Path folder, Path log, String what, List<String> command)
      throws IOException, InterruptedException {
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .directory(folder.toFile())
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.to(log.toFile()))
              .start();
    } catch (IOException e) {
      throw new IOException("cannot " + what + ": " + e.getMessage(), e);
    }
    if (process.waitFor() != 0) {
      throw new IOException("cannot " + what + "; " + log + " says why");
    }
  }
}
