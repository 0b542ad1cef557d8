"""Commands of the analysis: `dta validate`, `dta adherence`, `dta plan`."""
