"""Pools about business, service desks, money, law and insurance."""

TEXT = """
# department
? Which department should answer? | Where should this message go? | Route the request to the right team.
> {x} | Hello, {x} | {name} writes: {x} | {x}, please help
sales: I want to buy ten licences; please send me a quote; do you give a discount; a price for fifty seats;
  we are interested in an offer
billing/accounts: the invoice shows the wrong amount; I was charged twice; my payment did not arrive; where is my receipt;
  please refund the money; the bill for {month} is too high
technical support/tech support: the app crashes when I open it; an error message appears; the screen stays black;
  it does not start;
  I cannot connect to the server; the update failed
human resources/HR: I would like to apply for a job; how many holidays do I have; my salary slip; parental leave;
  a new contract of employment
legal: we received a letter from a lawyer; the terms of the agreement; a lawsuit; copyright of the picture; a court order
shipping/logistics: the parcel has not arrived; the delivery is late; a wrong address on the package;
  the driver left no note; track my order
marketing: the new advertising campaign; our logo on the poster; a newsletter for {month}; a stand at the fair;
  social media posts
security: somebody logged in to my account; a suspicious mail; I lost my access card; a stranger in the building;
  my password was stolen

# urgency
? How urgent is it? | Pick the priority. | How fast must somebody react?
> {x} | {name} reports: {x} | From {place}: {x} | Note of {day}: {x}
urgent/high: the server is down and nobody can work; fire alarm now; come immediately; a gas leak; it is an emergency;
  patient unconscious;
  we lose money every minute; please act at once; deadline in one hour
normal/medium: please look at it this week; the printer is slow; could you send it by {day};
  an answer in the next days would help;
  a small error in the report that needs a fix soon
low/not urgent: whenever you have time; no hurry at all; just a suggestion; it can wait until next year; only cosmetic;
  for your information

# product-category
? Which category of the shop does it belong to? | In which section of the store is it sold?
> {x} | New in the shop: {x} | I am looking for {x} | {name} ordered {x}
electronics: a laptop; wireless headphones; a phone charger; a tablet; a camera; a television; a USB cable; loudspeakers
clothes/fashion: a winter jacket; blue jeans; a summer dress; socks; a leather belt; a striped shirt; running shoes
books: a novel; a cookbook; a crime story; a dictionary; a paperback; a biography; a picture book for children
toys: a doll; building blocks; a puzzle; a teddy bear; a board game; a toy train; a kite
furniture: a sofa; a dining table; a wardrobe; a bookshelf; an office chair; a bed frame; a chest of drawers
groceries/food: rice; olive oil; a bag of flour; tomatoes; breakfast cereal; coffee beans; a jar of honey
garden: a lawn mower; flower pots; seeds; a hose; a rake; fertilizer; garden shears
beauty/cosmetics: lipstick; shampoo; perfume; a face cream; nail polish; a razor; sun lotion
sports: a football; dumb-bells; a yoga mat; a tennis racket; a tent; hiking boots; a bicycle helmet
pets: dog food; a cat litter box; a bird cage; an aquarium; a leash; a scratching post

# it-issue
? What is the computer problem about? | Which kind of IT problem is reported?
> {x} | Ticket {n}: {x} | {name} says {x} | Since {day} {x}
password/login: I forgot my password; the account is locked; cannot sign in; my user name is refused; reset my pin
network/internet: the wifi is slow; no internet in the office; the cable is unplugged; the VPN drops; web pages do not load
printer/printing: paper jam; the toner is empty; it prints blank sheets; the scanner does not copy; pages come out striped
email/mail: messages bounce back; the inbox is full; I cannot send attachments; spam in my folder; the signature is missing
hardware: the keyboard is broken; the screen flickers; the battery does not charge; a noisy fan; the mouse stopped;
  coffee on the laptop
software: the program crashes; the update failed; the spreadsheet will not open; the licence expired; install a new version

# bank-request
? What does the bank customer want? | Which banking matter is it?
> {x} | Hi, {x} | {x}, thanks | I have a question: {x}
card: my plastic was swallowed by the machine; order a new debit card; the chip does not work; freeze my credit card;
  the pin of my card
transfer: send money to my sister; the payment to another account is pending; a wire abroad; I sent it to the wrong iban
loan: borrow money for a house; a mortgage; the instalments; how much can I borrow; early repayment of my credit
savings: put money aside; what interest do you pay on deposits; open a savings book; a fixed deposit for one year
cash: notes from the cash machine; withdraw two hundred; coins; the ATM gave too little; pay in bank notes
account: open a current account; close my account; change my address; a statement for {month}; my balance

# delivery-problem
? What went wrong with the order? | Which complaint is it?
> {x} | Order {n}: {x} | {name} complains: {x} | {x}, and I am not happy
late: it came two weeks after the date; still waiting; it should have been here on {day}; delayed again; no delivery so far
damaged: the box was crushed; the glass is broken; it arrived with scratches; torn packaging and a dent; cracked in transit
wrong item: I ordered blue and got red; a different product; not what I ordered; somebody else's parcel; the wrong size
missing part/incomplete: the screws are not in the box; only three of four came; the manual is absent; one piece lacks
too expensive/price: it was cheaper last week; the fee was not announced; overpriced; the shop took more than agreed
rude staff: the driver shouted at me; unfriendly on the phone; the agent hung up; an impolite answer

# hr-question
? What is the employee asking about?
> {x} | Dear HR, {x} | {name} asks: {x} | {x}?
holiday/vacation: how many days off are left; I want leave in {month}; a week at the beach; unused vacation days
salary/pay: my wages were too low; when is payday; a raise; overtime pay; the bonus
sickness/sick leave: I have the flu and stay in bed; a doctor's note; ill since {day}; three days off with a fever
training: a course in Excel; the workshop on safety; a language class; a seminar for new leaders
working hours: can I start at ten; part time; the night shift; flexible hours; clocking in
retirement/pension: I turn sixty-five; my pension; leaving work for good next year; savings for old age

# contract-clause
? Which clause of a contract is it? | What does the clause regulate?
> {x} | The parties agree: {x} | Section {n}. {x} | {x}, as set out above
payment: the buyer shall pay within thirty days; the fee is due on the first; invoices are settled monthly;
  interest on late payment
termination: either party may end the agreement with notice; the contract is cancelled on breach;
  the lease ends after one year
confidentiality/secrecy: the parties keep all information secret; no disclosure to third parties;
  documents are not to be shared
liability: damages are limited to the price; neither party answers for lost profit; the seller is responsible for losses
warranty/guarantee: the goods are free of defects for two years; the supplier repairs faults; the product works as described
governing law: this agreement follows the laws of {place}; disputes go to the courts of {place};
  jurisdiction lies in {place}
delivery: the goods are handed over at the port; the seller ships within ten days; risk passes on dispatch
renewal: the term is extended by one year; it renews automatically; the licence continues unless cancelled

# legal-area
? Which area of law is it?
> {x} | A client asks about {x} | The case: {x} | {name} needs a lawyer for {x}
family law: a divorce; custody of the children; alimony; adoption; a marriage contract
criminal law: a burglary; murder; he was arrested for fraud; a robbery; assault; a prison sentence
labour law/employment law: unfair dismissal; a strike; unpaid wages; a works council; harassment at work
tenancy law/rent: the landlord raises the rent; a broken heating in the flat; the deposit; eviction of a tenant
tax law: a tax return; income declared too late; value added tax; the revenue office
traffic law: speeding; a parking fine; driving without a licence; a red light; points on the licence
inheritance law: the last will; heirs; an estate after death; who inherits the house

# insurance-line
? Which kind of insurance is it about? | Which policy covers this?
> {x} | A customer asks: {x} | {name} calls about {x} | Note: {x}
car insurance/motor: my automobile was hit; a new driver in the family; the windscreen; the garage repairs the bumper;
  a second car
home insurance/household: furniture after a burglary; a leaking roof; the carpet and the sofa; my flat; the garden shed
travel insurance/travel: a lost suitcase abroad; a cancelled flight; ill on holiday; the trip to {place}; missed the ferry
health insurance/health: the hospital bill; glasses; the dentist; medicine; an operation on the knee
life insurance/life: what my widow gets when I die; a sum on death; the beneficiary; provide for my children after my death
pet insurance/pet: the vet's bill for my dog; an operation for the cat; the horse broke a leg; our puppy is ill
liability insurance/liability: my son broke the neighbour's window; I hurt a cyclist by mistake; somebody slipped on my path

# damage-cause
? What caused the damage? | What is the cause of the loss?
> {x} | {x}, reported on {day} | Damage in {place}: {x} | {name} writes that {x}
fire: flames destroyed the kitchen; the house burned; smoke and ashes; a candle set the curtain alight;
  the barn went up in flames
water: a pipe burst; the cellar was flooded; a leaking tap; the washing machine overflowed; the ceiling is wet
theft/stolen: thieves took the jewels; my bike was stolen; a burglar broke in; the purse is gone; someone robbed the shop
storm: the gale blew tiles off; a tree fell in the wind; a hurricane; gusts tore the fence down
hail: ice balls dented the roof of the car; the greenhouse was pierced by hailstones; icy lumps hit the bonnet
collision/crash: two cars ran into each other; he hit the rear of a van; a crash at the crossing; bumped against a post
vandalism: somebody sprayed paint; scratched on purpose; youths smashed the window; the tyres were slashed

# meeting-or-mail
? What kind of message is it? | Which type of mail is this?
> {x} | {name} wrote: {x} | Mail of {day}: {x} | Subject: {x}
invitation: please join us for dinner; you are invited to the party; come to our wedding; save the date for {month}
complaint: I am very unhappy with your service; this is not acceptable; I demand my money back; what a bad experience
application: I apply for the position; my CV is attached; I would like to work for you;
  with ten years of experience I seek a job
invoice: please pay the amount below; total due {n} euros; payment within fourteen days; our bill for {month}
reminder: do not forget the appointment; your book is due on {day}; we still wait for your answer; second notice
thanks/thank you: many thanks for your help; I am grateful; what a lovely present; we appreciate your support
apology: I am sorry for the mistake; please forgive me; we regret the delay; my apologies for being late
newsletter: our offers this week; read the latest news of the club; ten tips for your garden; what is new in {month}

# document-type
? What type of document is it? | Which document is described?
> {x} | In the folder: {x} | {name} scanned {x} | We received {x}
passport/identity card: a travel document with photo and nationality; proof of identity;
  issued to citizens for crossing borders
recipe: take two eggs and flour; bake for an hour; ingredients and steps for a soup; stir and add salt
contract: signed by both parties; terms and duties; an agreement between tenant and landlord;
  the seller and the buyer hereby agree
receipt: paid in cash with change; a slip from the till; items and total; thank you for shopping
timetable: trains leave at ten past; bus line 7 every hour; departures and arrivals; lessons from Monday to Friday
prescription: two tablets a day; medicine signed by a doctor; take after meals; for the chemist
map: roads and rivers drawn to scale; north is up; a plan of the city; the legend shows paths
menu: starters and desserts with prices; the dish of the day; soup, steak and ice cream; wines by the glass

# feedback-type
? Is it a bug, a wish, a question or praise? | What kind of feedback is it?
> {x} | User {n}: {x} | {x} (version {n}) | {name}: {x}
bug/error: it crashes after login; the button does nothing; wrong total in the table; since the update it freezes;
  a typo breaks the export
feature request/wish: please add a dark mode; I wish it could export to PDF; it would be great to sort by date;
  support for Dutch
question: how do I change my name; where can I find the settings; does it work offline; what does this icon mean
praise: best app ever; I love the new design; great work; so easy to use; thank you, it saves me hours

# safety-hazard
? Which hazard is it? | What is the danger at work?
> {x} | Inspection in {place}: {x} | {name} noticed {x} | Hall {n}: {x}
fall/falling: no railing on the scaffold; a loose ladder; an open shaft; oil on the steps; the roof edge is not secured
electric shock/electricity: bare wires; a damaged plug; the fuse box is open; water near the socket; a live cable
fire risk: petrol cans near the heater; a blocked fire exit; sparks beside paper; no extinguisher; smoking in the store
noise: the machine is louder than allowed; no ear protection; the hammer drill screams; ringing ears after the shift
chemicals/toxic: acid without gloves; a leaking drum of solvent; fumes in the lab; a bottle of poison without a label
heavy lifting: boxes of forty kilos carried by hand; his back hurts from loading; no hoist for the sacks;
  lifting engines alone

# claim-decision
? What did the insurer decide? | What is the outcome of the claim?
> {x} | Letter of {day}: {x} | File {n}: {x} | {name}, {x}
approved/accepted: we pay the full amount; your claim is covered; the money is on its way; we settle the damage
rejected/denied: we cannot pay; the loss is excluded by the policy; your claim is turned down; no cover for this event
in review/pending: we are still checking; an expert will visit; please send more papers; a decision follows next week

# real-estate
? What does the advert offer? | What kind of property is it?
> {x} | To let: {x} | In {place}: {x} | Offer {n}: {x}
flat/apartment: two rooms on the third floor; a studio with balcony; a penthouse; a home on one storey in a block
house: a detached home with garden; a villa; a cottage with a thatched roof; a bungalow; a terraced home
office: desks for twenty people; a business floor with meeting rooms; a workspace in a tower
shop: a store with a large window on the high street; a retail space; a kiosk; a bakery to rent
land/plot: two acres for building; an empty site; a meadow; a field without house
garage/parking: a space for one car; a lock-up; an underground parking place

# seniority
? How senior is the person? | Which level of job is it?
> {x} | {name} is {x} | We look for {x} | Profile: {x}
trainee/intern: a student on placement; an apprentice in her first month; a beginner learning the job; a summer intern
junior: two years after university; an assistant developer; a young clerk; early in the career
senior: twelve years of experience; a lead engineer; an expert who guides others; a principal consultant
manager/director: head of thirty people; the chief of finance; the boss of the plant; she runs the department; the CEO
"""
