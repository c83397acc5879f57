package io.moka.cli;

import io.moka.RequestException;
import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelFiles;
import io.moka.engine.BatchedLogits;
import io.moka.kernels.Rows;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code moka logits}: what the model foretells after each token, as numbers. */
@Command(
    name = "logits",
    description =
        "Writes the logits after each token of a text: float32, little-endian, [tokens,"
            + " vocabulary]. They do not depend on --threads, --batch or --chunk.",
    footer = {
      "",
      "Examples:",
      "  echo '[506, 689, 258, 531]' > ids.json",
      "  moka logits --ids ids.json --out logits.f32",
      "  moka logits path/to/model --ids ids.json --out logits.f32 --batch 8 --chunk 16",
    })
final class LogitsCommand implements Runnable {
  private final Environment environment;

  @Mixin private final CommonOptions common = new CommonOptions();
  @Mixin private final ModelOptions model;

  @Option(
      names = "--ids",
      paramLabel = "FILE",
      required = true,
      description = "JSON array of token ids, such as [1, 2, 3].")
  private Path ids;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      required = true,
      description =
          "Where the logits go; a file that is there is replaced when all are computed, but for the"
              + " ids and the model's own.")
  private Path out;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Texts in each forward pass: this one, placed last, and N-1 others of other ids and"
              + " lengths. Default: ${DEFAULT-VALUE}.")
  private int batch = 1;

  @Option(
      names = "--chunk",
      paramLabel = "C",
      description =
          "Tokens of a text in each forward pass; 1 goes token by token. Default: all at once.")
  private Optional<Integer> chunk = Optional.empty();

  LogitsCommand(Environment environment) {
    this.environment = environment;
    this.model = new ModelOptions(environment);
  }

  @Override
  public void run() {
    if (batch < 1 || batch > 4096) {
      throw model.usage("--batch must be from 1 to 4096, not " + batch);
    }
    if (chunk.isPresent() && chunk.get() < 1) {
      throw model.usage("--chunk must be at least 1, not " + chunk.get());
    }
    if (out.toString().isEmpty() || ids.toString().isEmpty()) {
      throw model.usage(
          "the name of " + (ids.toString().isEmpty() ? "--ids" : "--out") + " is empty");
    }
    if (out.toString().equals(TextInput.STANDARD_INPUT)) {
      throw model.usage("--out needs a file; to write to a pipe: --out /dev/stdout");
    }
    try (Checkpoint checkpoint = model.openCheckpoint()) {
      ModelFiles.refuseOverwriting(checkpoint, out);
      int vocabSize = checkpoint.config().vocabSize();
      int[] tokens = TokenIds.read(ids, vocabSize);
      if (ModelFiles.isSame(ids, out)) {
        throw new RequestException(out + ": holds the ids; give another name");
      }
      try (OpenModel open = model.load(checkpoint);
          OutputFile file = OutputFile.create(out)) {
        RowWriter writer = new RowWriter(file, vocabSize);
        new BatchedLogits(open.transformer(), model.kvType(checkpoint), tokens, batch)
            .run(chunk.orElse(Integer.MAX_VALUE), this::tell, writer::write);
        file.complete();
      }
    }
  }

  private void tell(int sequences, int rows, int ownRows) {
    if (common.verbose()) {
      environment
          .err()
          .printf("forward: %d rows of %d sequences, %d of this%n", rows, sequences, ownRows);
    }
  }

  /** Copies rows to the file through one buffer. */
  private static final class RowWriter {
    private final OutputFile file;
    private final ByteBuffer buffer;

    private RowWriter(OutputFile file, int columns) {
      this.file = file;
      this.buffer = ByteBuffer.allocate(columns * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }

    private void write(Rows logits, int row) {
      buffer.clear();
      for (int column = 0; column < logits.columns(); column++) {
        buffer.putFloat(logits.get(row, column));
      }
      file.write(buffer.flip());
    }
  }
}
