// A user's workflows: an order whose charge is lost on the way, and an invoice that two workflows pay.
const { proxyActivities } = require('@temporalio/workflow');
const { withRequestId } = require('activity-guard/workflow');

const { chargeCard, payInvoice } = proxyActivities({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '100ms', maximumInterval: '500ms' },
});

exports.order = (id) => chargeCard(id);
exports.invoice = (number) => withRequestId(`invoice:${number}`, () => payInvoice(number));
