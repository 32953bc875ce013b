import { counted } from '../../model/number';

type Tally = { predictions: number; inside: number; below: number; above: number };

/** How often expected ends held: `Of 412 predictions for 37 runs 81 % held; 9 % of the ends came earlier, 10 % later.` */
export function calibration({ predictions, inside, below, above }: Tally, runs: number): string {
  if (predictions === 0) {
    return 'No end has been expected yet: that takes five completed runs.';
  }
  const share = (count: number) => `${Math.round((count / predictions) * 100)} %`;
  const told = `Of ${counted(predictions, 'prediction')} for ${counted(runs, 'run')} ${share(inside)} held`;
  return `${told}; ${share(below)} of the ends came earlier, ${share(above)} later.`;
}
