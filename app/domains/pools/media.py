"""Pools about news, language, formats and texts themselves."""

TEXT = """
# news-section
? Which section of the newspaper is it from? | What is the news about? | Choose the topic of the text.
> {x} | {place}: {x} | {x}, the paper says | Headline: {x} | {name} reports that {x}
politics: the parliament passed a law; the minister resigned; voters elect a president; the senate debates a treaty;
  a coalition is formed
sports: the striker scored twice; the team won the cup; a new world record in the relay; the coach was sacked;
  the final ended two to one
business/economy: the company reports a profit; shares fell on the stock exchange; the bank raises interest rates;
  two firms merge;
  sales grew by {n} percent
technology/tech: a new phone chip; the software update; robots in the factory; an internet start-up builds an app;
  hackers attacked a server
health: doctors warn of the flu; a new vaccine; hospitals lack nurses; too much sugar harms the heart; a cure for cancer
science: researchers found a planet; a telescope shows a galaxy; a fossil of a dinosaur; scientists measured the atom
culture/arts: the museum opens a show of paintings; the opera had its premiere; a novel won a prize;
  the theatre plays Hamlet
travel: ten beaches to visit; cheap flights to {place}; a hotel in the Alps; a city trip with children
weather: storms are expected; it will be cloudy with showers; a heat record of forty degrees; snow closed the pass
crime: the police arrested a thief; a robbery in the bank; a murder trial began; burglars broke into a villa
education: pupils get new tablets; the university raises fees; exams were postponed; teachers strike for smaller classes
food: a chef opens a restaurant; how to cook asparagus; a recipe for apple pie; the price of butter and bread
environment: rivers are polluted; the ice caps melt; a plan to plant trees; emissions of carbon fell; bees are dying

# language
? Which language is it? | In what language is the text written?
> {x} | "{x}" | {x}. {y}
English: the house is big; good morning; where is the station; I have two brothers; she drinks water;
  we go home tomorrow; what is your name
French: la maison est grande; bonjour madame; où est la gare; j'ai deux frères; elle boit de l'eau; nous allons demain;
  le chat est noir
German: das Haus ist groß; guten Morgen; wo ist der Bahnhof; ich habe zwei Brüder; sie trinkt Wasser;
  wir gehen nach Hause; der Hund schläft
Spanish: la casa es grande; buenos días; dónde está la estación; tengo dos hermanos; ella bebe agua; mañana vamos;
  el perro duerme
Italian: la casa è grande; buongiorno signora; dov'è la stazione; ho due fratelli; lei beve acqua; domani andiamo;
  il gatto dorme
Dutch: het huis is groot; goedemorgen; waar is het station; ik heb twee broers; zij drinkt water; wij gaan naar huis;
  de hond slaapt
Latin: domus magna est; salve magister; ubi est via; duos fratres habeo; aquam bibit; cras ibimus; canis dormit
Swedish: huset är stort; god morgon; var är stationen; jag har två bröder; hon dricker vatten; vi går hem; hunden sover

# formality
? Is the text formal or informal? | Which register is it?
> {x} | {x}. {y} | Mail: {x} | {name}: {x}
formal: Dear Sir or Madam; we hereby inform you; please find enclosed; with kind regards;
  I would appreciate your reply; we regret to state
informal/casual: hey mate; what's up; gonna be late lol; see ya; no way dude; thx a lot; cu tonight; that's so cool

# spam
? Is it spam? | Is the mail spam or a normal message?
> {x} | {x}! {y} | Subject: {x} | Mail {n}: {x}
spam/junk: you won a million; click here now; cheap pills online; claim your free prize; make money fast from home;
  limited offer, act now;
  hot singles near you; congratulations, lucky winner; earn cash without work
normal/not spam/ham: the meeting is at ten; here are the minutes; can we talk on {day}; mum says hello;
  the report is attached;
  dinner on {day}; your appointment with the dentist; I will be ten minutes late

# quantity-kind
? What kind of quantity is it? | What does the value measure?
> {x} | The label says {x} | Value: {x} | About {x}
length/distance: {n} metres; {n} miles; {n} km; {n} cm; {n} feet; {n} inches
weight/mass: {n} kg; {n} grams; {n} pounds; {n} tons; {n} ounces
time/duration: {n} minutes; {n} hours; {n} seconds; {n} weeks; {n} days
money/price: {n} euros; {n} dollars; ${n}; {n} pounds sterling; {n} cents; €{n}
temperature: {n} degrees; {n} °C; {n} degrees Celsius; {n} °F
volume: {n} litres; {n} ml; {n} gallons; {n} pints; {n} cups
speed: {n} km/h; {n} miles per hour; {n} knots; {n} m/s

# data-format
? What kind of data is it? | Which field would hold this?
> {x} | Value: {x} | Entry: {x} | Field {n}: {x}
email/email address: anna@mail.com; info@shop.org; j.smith@firm.net; ben{n}@post.de; sales@garden.co.uk
phone number/phone: +44 20 {n} 55; 0049 {n} 312; (212) 555 01{n}; tel. {n} 44 31
web address/URL: www.example.org; https://shop.com/item/{n}; http://news.net; www.garden{n}.com
date: 12 {month} 2019; {n}/05/2011; 2020-03-{n}; {day}, 4 {month}; 01.02.2003
amount/money: $ {n}.50; {n}.00 EUR; £{n}; {n},99 euros; USD {n}
person/name: Mr {name} Miller; {name} Smith; Mrs {name} Brown; Dr {name} Jones; {name} B. Clark
address: 12 Mill Street; {n} Oak Avenue; Park Road {n}; 3 Station Lane, {place}; flat {n}, High Street

# code-language
? Which language is the code in? | What kind of code is it?
> {x} | Snippet: {x} | {x} # | File {n}: {x}
Python: def area(r): return r; import os; print(name); for x in items:; if __name__ == "__main__":; elif a is None:
HTML: <p>hello</p>; <a href="x">link</a>; <div class="box">; <h1>Title</h1>; <br>; <img src="a.png">
SQL: SELECT name FROM users; INSERT INTO t VALUES (1); DELETE FROM log WHERE id = {n}; CREATE TABLE a (id INT);
  GROUP BY city
Java: public static void main; System.out.println(x); private int a;; new ArrayList<String>(); public class Car
shell/bash: ls -la; cd /tmp && rm x; echo $HOME; grep -r word .; chmod +x run.sh; export A={n}
CSS: color: red;; .box { margin: {n}px }; font-size: 12px;; body { background: blue }; padding: 0;

# word-class
? Which part of speech is the word? | Is it a noun, a verb or an adjective?
> {x} | The word is: {x} | Look at the word {x} | Word {n}: {x}
noun: table; mother; garden; river; freedom; engine; bottle; village; window; doctor; city; bread
verb: run; write; to sing; swim; to eat; build; think; carry; to sleep; bring; destroy; listen
adjective: beautiful; green; tall; angry; lazy; wooden; sweet; clever; round; narrow; cold; honest
adverb: quickly; slowly; often; never; carefully; loudly; soon; badly; almost; always
pronoun: he; she; they; myself; who; us; it; them; ours
preposition: under; between; behind; from; without; into; across; near; above
number word: seven; twelve; forty; a hundred; three; nineteen; a thousand; eighty

# text-kind
? What kind of text is it? | Where does the text come from?
> {x} | {x}. {y} | {x} ...
poem/verse: O rose, thou art sick; the moon, the night, my lonely heart's delight; thy silver light shall ever shine;
  roses are red
recipe: chop the onion and fry it; bake at {n} degrees; add a pinch of salt; whisk the eggs with sugar
news: the minister said on {day}; police in {place} report; {n} people were hurt, the agency says; the strike goes on
advertisement/advert: buy two, get one free; only this week; the softest pillow of your life; order now and save;
  try our new soap
fairy tale/tale: once upon a time there was a king; the witch locked the princess in;
  and they lived happily ever after; the wolf said to the child
manual/instructions: press the red button for two seconds; insert the battery; first remove the cover;
  turn screw {n} to the left
letter: Dear {name}, how are you; yours sincerely; I hope this finds you well; with love from {place}
law: whoever steals shall be punished; section {n} applies; the state guarantees this right; it is forbidden to
joke: why did the chicken cross the road; a man walks into a bar; knock knock, who is there;
  what do you call a fish without eyes
prayer/sermon: our Father in heaven; bless us, O Lord; let us pray; forgive our sins; praise be to God

# historical-period
? Which age of history is it? | In which period does it play?
> {x} | The book is about {x} | {name} studies {x} | Room {n}: {x}
Stone Age/prehistory: hunters with flint axes; cave paintings; mammoths and fire; tools of bone
antiquity/ancient world: Caesar and the legions; the pyramids; Greek temples; slaves in Rome; Athens and Sparta
Middle Ages: knights and castles; monks copy books; the crusades; a plague and a king in armour; feudal lords
Renaissance: Leonardo paints; Columbus sails; the printing press is new; the Medici of Florence
industrial age: steam engines; coal and factories; the first railways; workers in cotton mills
modern age/present: smartphones; the internet; space stations; electric cars; the European Union

# music-genre
? What style of music is it?
> {x} | Concert in {place}: {x} | {name} listens to {x} | Album {n}: {x}
classical: a symphony by Beethoven; a string quartet; an opera aria; a sonata; Bach's fugues
jazz: a saxophone improvises; swing in a New Orleans bar; Miles Davis; a walking bass and brushes; scat singing
rock: loud electric guitars; a drummer and a stadium; headbanging; a riff by the Stones
folk: fiddles and old ballads; a village dance; shepherds' songs; an accordion at the harvest
hip hop/rap: rhymes over beats; an MC and a DJ; freestyle verses; street poetry with samples
electronic/techno: synthesizers at a rave; a bass drop in the club; loops from a laptop; trance till dawn

# government-office
? Which public office is responsible? | Which authority should the citizen ask?
> {x} | A citizen writes: {x} | {name} asks: {x} | In {place}: {x}
tax office: my income declaration; a deduction for commuting; the assessment of last year's income; refund of taxes
school office/education: a place in the first class; the bus for pupils; a report card; a teacher is missing
building office/planning: a permit for my garage; an extension to the house; the neighbour's wall is too high;
  plans for a balcony
road office/transport: a pothole; the traffic lights fail; a new zebra crossing; a bus lane;
  snow on the street is not cleared
health office: a kitchen full of rats; vaccination; an outbreak of measles; a hygiene check
registry office/citizens: a new passport; we moved house; a birth certificate; a marriage date
police: my bag was snatched; loud fights at night; a missing person; somebody follows me
waste office/environment: the bins were not emptied; rubbish in the wood; where to bring old paint; recycling of glass

# energy-source
? Which source of energy is it?
> {x} | The region of {place} relies on {x} | Report {n}: {x} | {name} invests in {x}
solar/sun: panels on the roof; cells that catch light; sunny fields of collectors; photovoltaic modules
wind: turbines on the hill; rotor blades at sea; a park of windmills; gusty coasts
water/hydro: a dam in the valley; turbines under a waterfall; a tidal plant; the river drives a mill
coal: black lumps from the mine; a lignite pit; miners and smoke stacks; a steam plant with slag
nuclear: a reactor; uranium rods; splitting atoms; radioactive waste; a cooling tower
gas: a pipeline; methane for heating; drilling for shale; a blue flame
biomass/wood: pellets; burning straw; fuel from maize; a wood chip boiler

# farm-work
? Which kind of farm is it? | What does the farmer keep or grow?
> {x} | The farm of {name}: {x} | Near {place}: {x} | On {day} {x}
dairy farm: cows are milked at five; fresh milk in churns; a stable for cattle; calves and cream
poultry farm: hens lay eggs; a coop full of chickens; feathers and chicks; turkeys for Christmas
fruit farm/orchard: apples are picked; rows of cherry trees; pears in crates; plum blossom
grain farm: wheat and barley; the combine cuts rye; straw bales; a silo of oats
vineyard: grapes on the slope; barrels in the cellar; pressing for wine; a bottle of Riesling
fish farm: trout in ponds; salmon cages; nets and fry; carp are fed
"""
