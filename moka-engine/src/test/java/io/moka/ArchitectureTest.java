package io.moka;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the arrows between the engine's packages: data flows one way, nothing looks back up. */
class ArchitectureTest {

  /**
   * What each package may use besides itself, the libraries, the exceptions and {@link IoReason}.
   */
  private static final Map<String, List<String>> MAY_USE =
      new TreeMap<>(
          Map.of(
              // the cache it hands out is of kernels, the defaults it reads of checkpoint, the
              // statistics of a benchmark of moe
              "engine", List.of("model", "moe", "text", "kernels", "checkpoint"),
              "model", List.of("moe", "kernels", "weights", "checkpoint"),
              "moe", List.of("kernels", "weights"),
              "parallel", List.of("weights"),
              "kernels", List.of("weights"),
              "weights", List.of(),
              "checkpoint", List.of("weights", "hub"),
              "text", List.of(),
              "hub", List.of()));

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.moka");

  static Stream<String> packages() {
    return MAY_USE.keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("packages")
  void usesOnlyWhatTheDesignAllows(String name) {
    String[] allowed =
        Stream.concat(Stream.of(name), MAY_USE.get(name).stream())
            .map(ArchitectureTest::withSubpackages)
            .toArray(String[]::new);
    check(
        classes()
            .that()
            .resideInAPackage(withSubpackages(name))
            .should()
            .onlyDependOnClassesThat(
                describe(
                    "lie outside Moka, in "
                        + Arrays.toString(allowed)
                        + ", or are its exceptions or their words",
                    used ->
                        resideOutsideOfPackage("io.moka..").test(used)
                            || resideInAnyPackage(allowed).test(used)
                            || assignableTo(MokaException.class).test(used)
                            || used.isEquivalentTo(IoReason.class))));
  }

  @Test
  void everyPackageHasItsRow() {
    assertThat(CLASSES.stream().map(ArchitectureTest::topPackage).distinct())
        .filteredOn(name -> !name.isEmpty())
        .isNotEmpty()
        .isSubsetOf(MAY_USE.keySet());
  }

  @Test
  void packagesFormNoCycle() {
    check(slices().matching("io.moka.(*)..").should().beFreeOfCycles());
  }

  @Test
  void whatMultipliesOnACpuKnowsNothingOfOtherWays() {
    String cpu = "io.moka.kernels.cpu";
    check(
        noClasses()
            .that()
            .resideInAPackage(cpu)
            .should()
            .dependOnClassesThat()
            .resideInAPackage(cpu + ".*.."));
    check(slices().matching(cpu + ".(*)..").should().notDependOnEachOther());
  }

  @Test
  void theReferenceKernelsAreUsedOnlyWhereTheyAreAskedForByName() {
    check(
        classes()
            .that()
            .resideInAPackage("io.moka.kernels.reference..")
            .should()
            .onlyBeAccessed()
            .byClassesThat()
            .resideInAnyPackage("io.moka.kernels.reference..", "io.moka.kernels", "io.moka"));
  }

  @Test
  void theEngineNeitherPrintsNorLogsThroughTheJdk() {
    check(NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS);
    check(NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING);
  }

  @Test
  void theEngineUsesNoReflection() {
    check(noClasses().should().dependOnClassesThat().resideInAPackage("java.lang.reflect.."));
    check(noClasses().should().callMethod(Class.class, "forName", String.class));
  }

  private static void check(ArchRule rule) {
    rule.allowEmptyShould(true).check(CLASSES);
  }

  private static String withSubpackages(String name) {
    return "io.moka." + name + "..";
  }

  private static String topPackage(JavaClass type) {
    String below = type.getPackageName().substring("io.moka".length());
    return below.isEmpty() ? "" : below.substring(1).split("\\.", 2)[0];
  }
}
