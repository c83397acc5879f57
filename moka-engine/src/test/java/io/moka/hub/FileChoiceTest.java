package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.HubException;
import io.moka.ModelNotFoundException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FileChoiceTest {
  private static final String[] GGUFS = {
    "README.md",
    "config.json",
    "imatrix_unsloth.dat",
    "imatrix.gguf",
    "mmproj-F16.gguf",
    "Model-30B-A3B-UD-Q4_K_XL.gguf",
    "Model-30B-A3B-Q4_K_M.gguf",
    "Model-30B-A3B-Q4_K_S.gguf",
    "Model-30B-A3B-IQ4_XS.gguf",
    "BF16/Model-30B-A3B-BF16-00001-of-00002.gguf",
    "BF16/Model-30B-A3B-BF16-00002-of-00002.gguf",
    "Q8_0/Model-30B-A3B-Q8_0.gguf",
    "other/Model.Q6_K.gguf"
  };

  @ParameterizedTest
  @CsvSource({
    "Q4_K_M, Model-30B-A3B-Q4_K_M.gguf",
    "q4_k_m, Model-30B-A3B-Q4_K_M.gguf",
    "Q6_K, other/Model.Q6_K.gguf",
    "Model.Q6_K.gguf, other/Model.Q6_K.gguf",
    "other/Model.Q6_K.gguf, other/Model.Q6_K.gguf",
    "UD-Q4_K_XL, Model-30B-A3B-UD-Q4_K_XL.gguf",
    "Q8_0, Q8_0/Model-30B-A3B-Q8_0.gguf",
    "mmproj-F16.gguf, mmproj-F16.gguf",
    "README.md, README.md"
  })
  void findsAFileByItsNameOrItsQuantisation(String word, String path) {
    assertThat(choose(":" + word, GGUFS)).containsExactly(path);
  }

  @ParameterizedTest
  @CsvSource({
    "BF16",
    "Model-30B-A3B-BF16.gguf",
    "BF16/Model-30B-A3B-BF16.gguf",
    "Model-30B-A3B-BF16-00002-of-00002.gguf",
    "BF16/Model-30B-A3B-BF16-00001-of-00002.gguf"
  })
  void takesAllPartsOfASplitFile(String word) {
    assertThat(choose(":" + word, GGUFS))
        .containsExactly(
            "BF16/Model-30B-A3B-BF16-00001-of-00002.gguf",
            "BF16/Model-30B-A3B-BF16-00002-of-00002.gguf");
  }

  @ParameterizedTest
  @CsvSource({"Q4_K", "Q5_K_M", "nothing", "Model", "config"})
  void findsNothingByAPartOfAWord(String word) {
    if (word.equals("Model")) {
      assertThatThrownBy(() -> choose(":" + word, GGUFS)).isInstanceOf(ChoiceException.class);
    } else {
      assertThatThrownBy(() -> choose(":" + word, GGUFS))
          .isInstanceOf(ModelNotFoundException.class)
          .hasMessageContaining("\"" + word + "\"")
          .hasMessageContaining("Q4_K_M.gguf (100 bytes)");
    }
  }

  @Test
  void saysWhatThereIsToChoose() {
    assertThatThrownBy(() -> choose("", GGUFS))
        .isInstanceOfSatisfying(
            ChoiceException.class,
            e -> {
              assertThat(e.question()).contains("moka pull org/name:Q4_K_M");
              assertThat(e.choices())
                  .contains(new ChoiceException.Choice("BF16/Model-30B-A3B-BF16.gguf", "200 bytes"))
                  .noneMatch(choice -> choice.path().contains("imatrix"))
                  .noneMatch(choice -> choice.path().contains("mmproj"))
                  .hasSize(7);
            });
    assertThatThrownBy(() -> choose("", "a.gguf", "b.gguf"))
        .hasMessageContaining("org/name:a.gguf")
        .hasMessageContaining("a.gguf (100 bytes), b.gguf (100 bytes)");
    assertThatThrownBy(() -> choose(":Q4_0", "a/x-Q4_0.gguf", "b/x-Q4_0.gguf"))
        .isInstanceOf(ChoiceException.class)
        .hasMessageContaining("give the whole name");
  }

  @Test
  void takesTheOnlyModel() {
    assertThat(choose("", "README.md", "x-Q4_0.gguf", "mmproj-x.gguf"))
        .containsExactly("x-Q4_0.gguf");
    assertThat(choose("", "config.json", "d/x-00001-of-00002.gguf", "d/x-00002-of-00002.gguf"))
        .hasSize(2);
  }

  @Test
  void takesAFolderBeforeGguf() {
    assertThat(choose("", "config.json", "model.safetensors", "x-Q4_0.gguf"))
        .containsExactly("config.json", "model.safetensors");
    assertThat(choose("", "config.json", "consolidated.safetensors"))
        .containsExactly("config.json", "consolidated.safetensors");
  }

  @Test
  void refusesWhatIsNotComplete() {
    assertThatThrownBy(() -> choose("", "x-00002-of-00004.gguf", "x-00004-of-00004.gguf"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("the parts 1, 3 are missing");
    assertThatThrownBy(() -> choose("", "config.json", "model-00001-of-00002.safetensors"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("the parts 2 are missing");
  }

  @Test
  void refusesWhatMokaDoesNotRead() {
    assertThatThrownBy(() -> choose("", "config.json", "pytorch_model.bin"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("pytorch_model.bin");
    assertThatThrownBy(() -> choose("")).hasMessageContaining("but nothing");
    assertThatThrownBy(() -> choose("", "model.safetensors")).isInstanceOf(HubException.class);
  }

  @Test
  void mixesNoSetsOfDifferentCounts() {
    List<FileSet<String>> sets =
        FileSet.group(
            List.of(
                "x-00001-of-00002.gguf",
                "x-00002-of-00002.gguf",
                "x-00001-of-00003.gguf",
                "x/00002.gguf"),
            path -> path);
    assertThat(sets).extracting(FileSet::isWhole).containsExactlyInAnyOrder(true, false, true);
    assertThat(FileSet.group(List.of("x-00000-of-99999.gguf"), path -> path).getFirst().missing())
        .hasSize(99_999);
  }

  @ParameterizedTest
  @CsvSource({
    "a-UD-Q4_K_XL.gguf, UD-Q4_K_XL",
    "a.i1-IQ3_XXS.gguf, IQ3_XXS",
    "F16/a-MXFP4_MOE.gguf, MXFP4_MOE",
    "a-q8_0.gguf, q8_0",
    "BF16/model.gguf, BF16",
    "model.gguf, ''",
    "Qwen3-30B.gguf, ''"
  })
  void readsTheQuantisation(String path, String format) {
    assertThat(FileSet.group(List.of(path), text -> text).getFirst().format()).isEqualTo(format);
  }

  private static List<String> choose(String file, String... paths) {
    List<RemoteFile> files =
        Stream.of(paths)
            .map(path -> new RemoteFile(path, OptionalLong.of(100), Optional.empty()))
            .toList();
    return FileChoice.choose(ModelName.parse("org/name" + file).orElseThrow(), files).stream()
        .map(RemoteFile::path)
        .toList();
  }
}
