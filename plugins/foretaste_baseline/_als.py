"""Matrix factorisation of the target alone."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from foretaste import Carried, Context, Domain, Encoder, FactorModel, Roster, Search, Strategy, Transfer, sealed
from foretaste.solvers import als_rows


class Als(Strategy):
    """Implicit-feedback alternating least squares over the target (Hu, Koren and Volinsky, Collaborative filtering
    for implicit feedback datasets, ICDM 2008), as the implicit package does it.
    """

    name: ClassVar[str] = "baseline/als"
    requires: ClassVar[tuple[str, ...]] = ("implicit",)
    extra: ClassVar[str | None] = "align"
    baseline: ClassVar[bool] = True
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()

    factors: Annotated[int, Field(ge=1), Search(32, 64)] = 32
    """Length of the vectors."""
    regularization: Annotated[float, Field(gt=0), Search(3.0, 10.0, 30.0)] = 10.0
    """Weight of the squared length of the vectors."""
    alpha: Annotated[float, Field(gt=0), Search(1.0, 4.0)] = 1.0
    """Confidence of a preference of weight 1; an unobserved cell has 1."""
    epochs: Annotated[int, Field(ge=1)] = 15
    """Alternations over people and items."""

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is carried."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Factorise the target."""
        # implicit.als takes the GPU wherever there is one, with other numbers and no arrays of numpy's
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        rows = transfer.target.interactions
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                self.factors,
                self.regularization,
                self.alpha,
                iterations=self.epochs,
                num_threads=context.threads,
                random_state=context.seed,
            )
            model.fit(rows.preference, show_progress=False)
        items = sealed(np.asarray(model.item_factors))
        # implicit ends with the items' half step: one more for people, and they are what folding in would make of them
        people = sealed(als_rows(rows.preference, items, self.regularization, alpha=self.alpha))
        encoder = Encoder(rows.items, items, self.regularization, self.alpha, histories=rows.preference)
        return FactorModel(
            Roster.of(transfer).without_source(),
            people,
            items,
            encoders={transfer.target.name: encoder},
        )
