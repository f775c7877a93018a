# What solvers reach, and what an equilibrium is worth, among N agents and for all; not part of
# figures/all.
rule measure_solvers:
    output:
        f"{RESULTS}/solvers.csv",
    log:
        f"{RESULTS}/logs/solvers.log",
    benchmark:
        f"{RESULTS}/benchmarks/solvers.tsv"
    threads: 1
    resources:
        runtime=30,
        mem_mb=1000,
    params:
        table="solvers",
        equilibria=config["equilibria"],
        runs=run_fingerprint(),
        fingerprint=fingerprint_of("equilibrium"),
    script:
        "../scripts/measure_equilibria.py"


use rule measure_solvers as measure_finite_population with:
    output:
        f"{RESULTS}/finite_population.csv",
    log:
        f"{RESULTS}/logs/finite_population.log",
    benchmark:
        f"{RESULTS}/benchmarks/finite_population.tsv"
    params:
        table="finite_population",
        equilibria=config["equilibria"],
        runs=run_fingerprint(),
        fingerprint=fingerprint_of("equilibrium"),


use rule plot as plot_solvers with:
    input:
        csv=f"{RESULTS}/solvers.csv",
    output:
        drawings=pictures("solvers", "solvers", "Equilibria", {"shows": "solvers"}),
        table=f"{FIGURES}/data/solvers.csv",
    log:
        f"{RESULTS}/logs/plot/solvers.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/solvers.tsv"
    group:
        "solvers"
    params:
        figure="solvers",
        title="Equilibria of mean-field games: what each method has reached",
        caption="",
        factors={},
        fingerprint=fingerprint_of("plotting"),


use rule plot as plot_finite_population with:
    input:
        csv=f"{RESULTS}/finite_population.csv",
    output:
        drawings=pictures(
            "finite_population",
            "finite_population",
            "Equilibria",
            {"shows": "finite population"},
        ),
        table=f"{FIGURES}/data/finite_population.csv",
    log:
        f"{RESULTS}/logs/plot/finite_population.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/finite_population.tsv"
    group:
        "finite_population"
    params:
        figure="finite_population",
        title="What one of N agents gains by deviating from a mean-field equilibrium",
        caption="",
        factors={},
        fingerprint=fingerprint_of("plotting"),


use rule measure_solvers as measure_price_of_anarchy with:
    output:
        f"{RESULTS}/price_of_anarchy.csv",
    log:
        f"{RESULTS}/logs/price_of_anarchy.log",
    benchmark:
        f"{RESULTS}/benchmarks/price_of_anarchy.tsv"
    params:
        table="price_of_anarchy",
        equilibria=config["equilibria"],
        runs=run_fingerprint(),
        fingerprint=fingerprint_of("equilibrium"),


use rule plot as plot_price_of_anarchy with:
    input:
        csv=f"{RESULTS}/price_of_anarchy.csv",
    output:
        drawings=pictures(
            "price_of_anarchy",
            "price_of_anarchy",
            "Equilibria",
            {"shows": "price of anarchy"},
        ),
        table=f"{FIGURES}/data/price_of_anarchy.csv",
    log:
        f"{RESULTS}/logs/plot/price_of_anarchy.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/price_of_anarchy.tsv"
    group:
        "price_of_anarchy"
    params:
        figure="price_of_anarchy",
        title="Social welfare at an equilibrium and at the optimum",
        caption="",
        factors={},
        fingerprint=fingerprint_of("plotting"),
