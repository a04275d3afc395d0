/**
 * The rewards that answers have during a training of preferences, from their negative log-likelihoods z (for DPO and KTO less
 * the reference's): −β·z of DPO and KTO, −λ·z of ORPO, where z is a mean over tokens. Pure.
 */
import type { PreferenceObjective } from "../contract/objective.ts";

/** Figures of a loss of preferences. */
export interface RewardFigures {
  /** Share of the pairs in which the chosen answer has the higher reward; of KTO's answers, on the right side. */
  readonly rewardAccuracy: number;
  /** Mean difference of the rewards of chosen and rejected answers; absent where there are none of either. */
  readonly rewardMargin?: number;
}

/** The same figures of the validation data, by the names that progress and results have. */
export interface EvalRewards {
  readonly evalRewardAccuracy?: number | undefined;
  readonly evalRewardMargin?: number | undefined;
}

/** The figures that are present. */
export const evalRewardsOf = ({ evalRewardAccuracy, evalRewardMargin }: EvalRewards) => ({
  ...(evalRewardAccuracy !== undefined && { evalRewardAccuracy }),
  ...(evalRewardMargin !== undefined && { evalRewardMargin }),
});

export class Rewards {
  readonly #objective: PreferenceObjective;
  readonly #divergence: number;
  #right = 0;
  #judged = 0;
  readonly #chosen = { sum: 0, count: 0 };
  readonly #rejected = { sum: 0, count: 0 };

  /** `divergence`: KTO's reference point. */
  constructor(objective: PreferenceObjective, divergence: number) {
    this.#objective = objective;
    this.#divergence = divergence;
  }

  /** Adds the answers of a batch; `z` may have further ones of padding. */
  add(z: Float64Array, isChosen: readonly boolean[]): void {
    for (const [index, chosen] of isChosen.entries()) {
      const side = chosen ? this.#chosen : this.#rejected;
      side.sum += this.#scale * -z[index]!;
      side.count++;
    }
    this.#judge(z, isChosen);
  }

  figures(): RewardFigures {
    const [chosen, rejected] = [this.#chosen, this.#rejected];
    const margin = chosen.sum / chosen.count - rejected.sum / rejected.count;
    return {
      rewardAccuracy: this.#right / this.#judged,
      ...(Number.isFinite(margin) && { rewardMargin: margin }),
    };
  }

  get #scale(): number {
    return this.#objective.type === "ORPO" ? this.#objective.lambda : this.#objective.beta;
  }

  #judge(z: Float64Array, isChosen: readonly boolean[]): void {
    if (this.#objective.type === "KTO") {
      this.#judged += isChosen.length;
      for (const [index, chosen] of isChosen.entries())
        if (chosen ? -z[index]! > this.#divergence : -z[index]! < this.#divergence) this.#right++;
      return;
    }
    this.#judged += isChosen.length / 2;
    for (let index = 0; index < isChosen.length; index += 2) if (z[index]! < z[index + 1]!) this.#right++;
  }
}
