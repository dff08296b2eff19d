/** Stands for your provider's client. Its first answer is lost on the way, after the money was taken. */
// #region payments
export interface Charge {
  id: string;
  reference: string;
}

const charges: Charge[] = [];

export const payments = {
  async charge(cents: number, { reference }: { reference: string }): Promise<Charge> {
    const charge = { id: `ch_${charges.length + 1}`, reference };
    charges.push(charge);
    console.log(`charged ${cents} cents as ${charge.id}`);
    if (charges.length === 1) throw new Error('socket hang up');
    return charge;
  },
  async find(reference: string): Promise<Charge | undefined> {
    return charges.find((charge) => charge.reference === reference);
  },
};
// #endregion
