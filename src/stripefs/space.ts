import {type Place, shown} from './errors.js';
import {type Extent, type Span, spansOf} from './extent.js';

/** A span of somebody's. */
interface Claim extends Span {
  readonly place: Place;
}

/** Who has which bytes of the members: keeps extents inside them and, unless the superblock allows it, out of each other. */
export class Space {
  readonly #sizes: readonly number[];
  readonly #claims: Claim[] = [];

  /** @param sizes of the members, bytes */
  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
  }

  /** Takes an extent's bytes. @throws StripefsError `outside-member` */
  claim(extent: Extent, place: Place): void {
    for (const [index, span] of spansOf(extent).entries()) {
      if (span.end === span.start) continue;
      const size = this.#sizes[span.member]!;
      if (span.end > size) {
        const at = extent.strips.length === 1 ? place : place.field('strips').item(index);
        at.refuse(
          'outside-member',
          `ends at byte ${span.end} of member ${span.member}, which has ${size} bytes`,
          {member: span.member, end: span.end, size},
        );
      }
      this.#claims.push({...span, place});
    }
  }

  /** @throws StripefsError `overlap` naming both files, when two extents share a byte */
  checkDisjoint(): void {
    this.#claims.sort((a, b) => a.member - b.member || a.start - b.start);
    for (let index = 1; index < this.#claims.length; index++) {
      const before = this.#claims[index - 1]!;
      const claim = this.#claims[index]!;
      // Sorted by start: the first overlap there is shows between neighbours.
      if (before.member !== claim.member || claim.start >= before.end) continue;
      const other = `${shown(before.place.path)}: ${before.place.fieldName}`;
      claim.place.refuse(
        'overlap',
        `shares bytes of member ${claim.member} from ${claim.start} on with ${other}; "sharedExtents": true would allow it`,
        {member: claim.member, start: claim.start},
      );
    }
  }
}
